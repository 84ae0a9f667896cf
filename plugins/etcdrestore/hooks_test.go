package etcdrestore

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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
	h := &hookRunner{hooks, "20260102T030405Z-4f2a", []string{"cp1", "cp2"}, &out, func(string) {}}
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

// TestClusterProgress: the lines of the nodes stand below all that was said, and fit.
func TestClusterProgress(t *testing.T) {
	t.Parallel()
	screen := &vt{width: columns, rows: [][]rune{nil}}
	c := newClusterProgress(&Options{Progress: "bar"}, Streams{ErrOut: screen}, "20260102T030405Z-4f2a", []string{"cp1", "cp2"})
	c.Phase("upload")
	c.Sent("cp1", 5e8, 2e9)
	c.Node(recovery.Status{Node: "cp2", Phase: "stop", Step: "containers", Event: "failed", Error: strings.Repeat("long ", 40)})
	c.Hook("before-stop")
	for _, text := range []string{"drai", "ned\nda", "shboard", " is silent"} {
		if n, err := c.Write([]byte(text)); n != len(text) || err != nil {
			t.Errorf("%q: %d, %v", text, n, err)
		}
	}
	c.Warn(errors.New("a hook failed"))
	c.Finish()
	c.Finish() // a deferred second call draws nothing
	want := `hook before-stop
drained
warning: a hook failed
dashboard is silent
20260102T030405Z-4f2a  upload 0s: snapshot and plan onto all nodes
  cp1          upload [======                  ]  25%  500 MB/2.0 GB
  cp2          stop/containers failed: long long long long long long long long…
`
	if diff := cmp.Diff(want, screen.String()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// TestPhaseFits: what a phase is stays readable beside the time it takes.
func TestPhaseFits(t *testing.T) {
	t.Parallel()
	for _, phase := range []string{"upload", "stage", "go", "restore", "back"} {
		var out bytes.Buffer
		c := &clusterProgress{run: "20260102T030405Z-4f2a", phase: phase, begun: time.Now().Add(-599 * time.Second), block: block{w: &out}}
		c.draw("")
		if strings.Contains(out.String(), "…") || !strings.Contains(out.String(), phaseWords(phase)) {
			t.Errorf("%q", out.String())
		}
	}
}
