package staticpod_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/etcd-restore/etcd-restore/pkg/staticpod"
)

// A flag is set, with a line more at most, and not another byte.
func TestSetEtcdFlag(t *testing.T) {
	t.Parallel()
	const cluster = "cp1=https://10.99.0.11:2380,cp3=https://10.99.0.13:2380"
	for name := range golden() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			old := load(t, name)
			m, err := old.SetEtcdFlag("initial-cluster", cluster, "name")
			if err == nil {
				m, err = m.SetEtcdFlag("initial-cluster-state", "existing", "initial-cluster")
			}
			if name == "kubeadm.json" || name == "by-hand.yaml" { // not a flag a line
				if !errors.Is(err, staticpod.ErrFlag) {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := factsOf(t, old)
			want.Cluster = cluster
			if got := factsOf(t, m); got != want {
				t.Errorf("%+v, want %+v", got, want)
			}
			requireLines(t, old.Bytes(), m.Bytes())
			again, err := m.SetEtcdFlag("initial-cluster-state", "existing", "initial-cluster")
			if err != nil || !bytes.Equal(again.Bytes(), m.Bytes()) {
				t.Errorf("again: %v", err)
			}
		})
	}
}

// requireLines wants all lines of old in now, but those of the two flags.
func requireLines(t *testing.T, old, now []byte) {
	t.Helper()
	rest := func(text []byte) (kept []string) {
		for line := range strings.Lines(string(text)) {
			if !strings.Contains(line, "--initial-cluster=") && !strings.Contains(line, "--initial-cluster-state=") {
				kept = append(kept, line)
			}
		}
		return kept
	}
	if a, b := strings.Join(rest(old), ""), strings.Join(rest(now), ""); a != b {
		t.Errorf("more has changed:\n%s", b)
	}
	if crlf := bytes.Count(old, []byte("\r\n")); crlf > 0 && bytes.Count(now, []byte("\r\n")) != bytes.Count(now, []byte("\n")) {
		t.Error("ends of lines differ")
	}
}

// Where a line holds more than a flag none is put behind it.
func TestSetEtcdFlagRefuses(t *testing.T) {
	t.Parallel()
	text := string(load(t, "kubeadm-1.37.yaml").Bytes())
	line := "    - --initial-cluster=cp1=https://10.99.0.11:2380\n"
	for name, by := range map[string]string{
		"two words":            "    - --initial-cluster\n    - cp1=https://10.99.0.11:2380\n",
		"block":                "    - >-\n      --initial-cluster=cp1=https://10.99.0.11:2380\n",
		"quoted, and anchored": "    - &x \"--initial-cluster=cp1=https://10.99.0.11:2380\"\n    - *x\n",
	} {
		m, err := staticpod.Parse([]byte(strings.Replace(text, line, by, 1)))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := m.SetEtcdFlag("initial-cluster-state", "existing", "initial-cluster"); !errors.Is(err, staticpod.ErrFlag) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, by := range map[string]string{
		"quoted":  "    - \"--initial-cluster=cp1=https://10.99.0.11:2380\"\n",
		"comment": "    - --initial-cluster=cp1=https://10.99.0.11:2380  # the first\n",
	} {
		m, err := staticpod.Parse([]byte(strings.Replace(text, line, by, 1)))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		edited, err := m.SetEtcdFlag("initial-cluster-state", "existing", "initial-cluster")
		if err != nil || strings.Count(string(edited.Bytes()), "--initial-cluster-state=existing") != 1 {
			t.Errorf("%s: %v", name, err)
		}
	}
}
