package progress

import (
	"bytes"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestFigures(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		state state
		want  string
	}{
		"half way":      {state{done: 500e6, total: 1e9, elapsed: 2 * time.Second}, " 50%  500 MB/1.0 GB  250 MB/s  2s left"},
		"nothing yet":   {state{total: 1e9, elapsed: time.Second}, "  0%  0 B/1.0 GB"},
		"complete":      {state{done: 1e9, total: 1e9, elapsed: 4 * time.Second}, "100%  1.0 GB  250 MB/s  in 4s"},
		"more than all": {state{done: 2e9, total: 1e9, elapsed: 4 * time.Second}, "100%  2.0 GB  500 MB/s  in 4s"},
		"unknown total": {state{done: 3e6, elapsed: time.Second}, "3.0 MB  3.0 MB/s"},
		"slow":          {state{done: 1e6, total: 1e9, elapsed: time.Second}, "  0%  1.0 MB/1.0 GB  1.0 MB/s  16m39s left"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, tc.state.figures()); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestBarFitsItsTerminal(t *testing.T) {
	t.Parallel()
	for _, what := range []string{"save", strings.Repeat("a long name ", 12)} {
		line := (&bar{w: new(bytes.Buffer)}).line(state{what: what, done: 1, total: 2, elapsed: time.Second})
		if len(line) > 79 {
			t.Errorf("%d columns: %q", len(line), line)
		}
	}
	line := (&bar{w: new(bytes.Buffer)}).line(state{what: "save", done: 1, total: 2, elapsed: time.Second})
	if got, want := strings.Count(line, "="), strings.Count(line[strings.Index(line, "["):], " "); got != want || got == 0 {
		t.Errorf("half done is %d filled and %d open: %q", got, want, line)
	}
}

// A bar that stands half-way over the result would tell of work that goes on.
func TestBarLeavesOnlyWhatIsComplete(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		state state
		want  string
	}{
		"complete": {state{what: "save", done: 2e6, total: 2e6, elapsed: time.Second}, "save  100%  2.0 MB  2.0 MB/s  in 1s  [==============================]\n"},
		"no total": {state{what: "save", done: 2e6, elapsed: time.Second}, "save  2.0 MB  2.0 MB/s\n"},
		"short":    {state{what: "save", done: 1e6, total: 2e6, elapsed: time.Second}, ""},
		"at once":  {state{what: "save", done: 2e6, total: 2e6, elapsed: time.Millisecond}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			(&bar{w: &out}).finish(tc.state)
			if got := strings.TrimPrefix(out.String(), "\r\x1b[K"); got != tc.want {
				t.Errorf("it leaves %q, want %q", got, tc.want)
			}
		})
	}
}

func TestJSONLines(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	r := New(JSON, &out)
	now := time.Unix(0, 0)
	r.now = func() time.Time { return now }
	r.Start("save", 100)
	r.Add(60)
	now = now.Add(2 * time.Second)
	r.Finish()
	r.Finish() // a deferred second call draws nothing

	var got statusLine
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatalf("%v: %q", err, out.String())
	}
	want := statusLine{
		MessageType: "finished", What: "save", Done: 60, Total: 100,
		BytesPerSecond: 30, Elapsed: 2, Left: 1.333,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestStartFinishesThePieceBefore(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	r := New(JSON, &out)
	r.Add(7) // before any Start: counts for nothing
	r.Start("first", 10)
	r.Add(10)
	r.Start("second", 20)
	r.Finish()
	if lines := strings.Split(strings.TrimSpace(out.String()), "\n"); len(lines) != 2 ||
		!strings.Contains(lines[0], `"first","done":10`) || !strings.Contains(lines[1], `"second","done":0`) {
		t.Errorf("got %q", lines)
	}
}

func TestConcurrentAdd(t *testing.T) {
	t.Parallel()
	r := New(None, nil)
	r.Start("save", 1000)
	w := r.work
	var adders sync.WaitGroup
	for range 10 {
		adders.Go(func() {
			for range 100 {
				r.Add(1)
			}
		})
	}
	adders.Wait()
	r.Finish()
	if got := w.done.Load(); got != 1000 {
		t.Errorf("counted %d of 1000", got)
	}
}

func TestAutoIsPlainOffATerminal(t *testing.T) {
	t.Parallel()
	if _, ok := New(Auto, new(bytes.Buffer)).renderer.(*plain); !ok {
		t.Error("auto on a buffer is not plain")
	}
}

func TestModeFlag(t *testing.T) {
	t.Parallel()
	m := Auto
	for _, mode := range Modes() {
		if err := m.Set(mode); err != nil || m.String() != mode {
			t.Errorf("Set(%s) = %v, mode %q", mode, err, m)
		}
	}
	if err := m.Set("fancy"); err == nil {
		t.Error("an unknown mode was accepted")
	}
}
