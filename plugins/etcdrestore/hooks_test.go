package etcdrestore

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/etcd-restore/etcd-restore/pkg/recovery"
)

// TestHooks: a hook knows what it is about, and its failure is told.
func TestHooks(t *testing.T) {
	t.Parallel()
	hooks, err := parseHooks([]string{
		`before-stop=echo "$ETCD_RESTORE_RUN $ETCD_RESTORE_PHASE $ETCD_RESTORE_NODES"`,
		"after-verify=exit 3",
	})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	h := &hookRunner{hooks, "20260102T030405Z-4f2a", []string{"cp1", "cp2"}, Streams{ErrOut: &out}, func(string) {}}
	for when, want := range map[string]error{"before-stop": nil, "after-stop": nil, "after-verify": recovery.ErrHook} {
		if err := h.Fire(t.Context(), when); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", when, err, want)
		}
	}
	if got, want := out.String(), "20260102T030405Z-4f2a before-stop cp1,cp2\n"; got != want {
		t.Errorf("it printed %q, want %q", got, want)
	}
}

// TestHooksRefused: one that would never run is a mistake.
func TestHooksRefused(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"before-stop", "before-stop=", "stop=true", "before-lunch=true"} {
		if _, err := parseHooks([]string{value}); err == nil || !strings.Contains(err.Error(), "--hook") {
			t.Errorf("%q: %v", value, err)
		}
	}
}

// TestClusterProgress: what is drawn fits 80 columns, and as many lines as it takes back.
func TestClusterProgress(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	c := newClusterProgress(&Options{Progress: "bar"}, Streams{ErrOut: &out}, "20260102T030405Z-4f2a", []string{"cp1", "cp2"})
	c.Phase("upload")
	c.Sent("cp1", 5e8, 2e9)
	c.Node(recovery.Status{Node: "cp2", Phase: "stop", Step: "containers", Event: "failed", Error: strings.Repeat("long ", 40)})
	c.Warn(errors.New("a hook failed"))
	c.Finish()
	c.Finish() // a deferred second call draws nothing
	for _, line := range strings.Split(out.String(), "\n") {
		line = line[strings.LastIndex(line, "\x1b[J")+1:]
		if n := len([]rune(strings.TrimPrefix(line, "[J"))); n > columns {
			t.Errorf("%d columns: %q", n, line)
		}
	}
	last := strings.Split(strings.TrimSpace(out.String()), "\n")
	if got := last[len(last)-2]; !strings.Contains(got, "cp1") || !strings.Contains(got, "25%") {
		t.Errorf("cp1 is drawn as %q", got)
	}
}
