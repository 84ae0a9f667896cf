package journal_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/etcd-restore/etcd-restore/pkg/journal"
)

func open(t *testing.T, path string) *journal.Folder {
	t.Helper()
	f, err := journal.Open(path, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func create(t *testing.T, f *journal.Folder) *journal.Run {
	t.Helper()
	r, err := f.Create([]byte(`{"a":1}`))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "runs")
	first := open(t, path)
	if _, err := journal.Open(path, journal.Options{}); !errors.Is(err, journal.ErrLocked) {
		t.Errorf("got %v, want ErrLocked", err)
	}
	if !journal.Busy(path) {
		t.Error("nobody is at work")
	}
	first.Close()
	if journal.Busy(path) || journal.Busy(path+"-nothing") {
		t.Error("somebody is at work")
	}
	open(t, path).Close()
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder has mode %v, %v", info.Mode(), err)
	}
}

func TestFolderRefuses(t *testing.T) {
	dir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, "real"), 0o700), os.Symlink("real", filepath.Join(dir, "link")),
		os.Mkdir(filepath.Join(dir, "open"), 0o700), os.Chmod(filepath.Join(dir, "open"), 0o777), os.WriteFile(filepath.Join(dir, "file"), nil, 0o600))
	names := []string{"link", "open", "file"}
	if os.Geteuid() == 0 { // root could write there, but is not the only one
		must(t, os.Mkdir(filepath.Join(dir, "foreign"), 0o700), os.Chown(filepath.Join(dir, "foreign"), 65534, 65534))
		names = append(names, "foreign")
	}
	for _, name := range names {
		if _, err := journal.Open(filepath.Join(dir, name), journal.Options{}); !errors.Is(err, journal.ErrFolder) {
			t.Errorf("%s: got %v, want ErrFolder", name, err)
		}
	}
}

func TestOneUnfinishedRun(t *testing.T) {
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	f, err := journal.Open(filepath.Join(t.TempDir(), "runs"), journal.Options{Now: func() time.Time { now = now.Add(time.Second); return now }})
	must(t, err)
	defer f.Close()
	if _, err := f.Resume(""); !errors.Is(err, journal.ErrNoRun) {
		t.Errorf("got %v, want ErrNoRun", err)
	}
	r := create(t, f)
	if _, err := f.Create(nil); !errors.Is(err, journal.ErrUnfinished) {
		t.Errorf("got %v, want ErrUnfinished", err)
	}
	must(t, r.Intent("a"), r.Failed("a", errors.New("no luck")), r.Undoing("a"), r.Undone("a"), r.Finish(journal.RolledBack))
	second := create(t, f)
	must(t, second.Intent("a"), second.Intent("a"), second.Done("a"), second.Commit())
	resumed, err := f.Resume("")
	must(t, err)
	if s := resumed.State(); resumed.Name != second.Name || !s.Committed || string(resumed.Plan()) != `{"a":1}` {
		t.Errorf("resumed %s: %+v", resumed.Name, s)
	}
	must(t, second.Finish(journal.Complete))
	runs, err := journal.List(f.Path)
	must(t, err)
	var got []journal.Outcome
	for _, run := range runs {
		got = append(got, run.State.Outcome)
	}
	if diff := cmp.Diff([]journal.Outcome{journal.RolledBack, journal.Complete}, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	for _, name := range []string{"../x", "nothing", "20260101T000000Z-aaaaaa"} {
		if _, err := f.Resume(name); !errors.Is(err, journal.ErrNoRun) {
			t.Errorf("%s: got %v, want ErrNoRun", name, err)
		}
	}
}

func TestOrder(t *testing.T) {
	f := open(t, filepath.Join(t.TempDir(), "runs"))
	defer f.Close()
	r := create(t, f)
	refused := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, journal.ErrOrder) {
			t.Errorf("%s: got %v, want ErrOrder", what, err)
		}
	}
	refused("done before it began", r.Done("a"))
	refused("undone before it began", r.Undoing("a"))
	refused("no step", r.Intent(""))
	must(t, r.Intent("a"))
	refused("two at a time", r.Intent("b"))
	refused("finished in flight", r.Finish(journal.Complete))
	refused("unknown outcome", r.Finish("so-so"))
	must(t, r.Done("a"), r.Undoing("a"), r.Failed("a", errors.New("x")))
	refused("forward on the way back", r.Intent("b"))
	refused("committed on the way back", r.Commit())
	refused("rolled back too early", r.Finish(journal.RolledBack))
	must(t, r.Undoing("a"), r.Undone("a"), r.Finish(journal.RolledBack))
	refused("after the end", r.Intent("a"))
	second := create(t, f)
	must(t, second.Intent("a"), second.Done("a"), second.Commit())
	refused("undo after the commit", second.Undoing("a"))
}

// A torn end never counts, wherever it was torn, and the next line takes its place.
func TestTornAnywhere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "runs")
	f := open(t, path)
	defer f.Close()
	r := create(t, f)
	must(t, r.Intent("a"), r.Done("a"), r.Intent("b"))
	file := filepath.Join(r.Dir(), "journal.jsonl")
	whole, err := os.ReadFile(file)
	must(t, err)
	first := bytes.IndexByte(whole, '\n') + 1
	for size := first; size <= len(whole); size++ {
		for _, garbage := range []string{"", "\x00\x00\x00\x00\n", "{\"seq\":9"} {
			must(t, os.WriteFile(file, append(bytes.Clone(whole[:size]), garbage...), 0o600))
			again, err := f.Resume(r.Name)
			if err != nil {
				t.Fatalf("torn at %d, then %q: %v", size, garbage, err)
			}
			n := len(again.Records())
			if want := bytes.Count(whole[:size], []byte("\n")); n != want {
				t.Fatalf("torn at %d, then %q: %d records, want %d", size, garbage, n, want)
			}
			state := again.State()
			next := "c"
			if flying, ok := state.InFlight(); ok {
				next = flying.Name
			}
			must(t, again.Intent(next))
			again.Close()
			if last, err := f.Resume(r.Name); err != nil || len(last.Records()) != n+1 {
				t.Fatalf("torn at %d, then %q, then written: %v", size, garbage, err)
			}
		}
	}
}

func TestDamage(t *testing.T) {
	for name, spoil := range map[string]func(dir string) error{
		"plan changed":    func(dir string) error { return os.WriteFile(filepath.Join(dir, "plan.json"), []byte("{}"), 0o600) },
		"plan lost":       func(dir string) error { return os.Remove(filepath.Join(dir, "plan.json")) },
		"journal lost":    func(dir string) error { return os.Remove(filepath.Join(dir, "journal.jsonl")) },
		"journal emptied": func(dir string) error { return os.Truncate(filepath.Join(dir, "journal.jsonl"), 0) },
		"line spoilt":     edit(func(text string) string { return strings.Replace(text, `"intent"`, `"inte`, 1) }),
		"line lost":       edit(func(text string) string { l := strings.SplitAfter(text, "\n"); return l[0] + l[2] + l[3] }),
		"order":           edit(func(text string) string { return strings.Replace(text, `"intent"`, `"done"`, 1) }),
	} {
		t.Run(name, func(t *testing.T) {
			f := open(t, filepath.Join(t.TempDir(), "runs"))
			defer f.Close()
			r := create(t, f)
			must(t, r.Intent("a"), r.Done("a"), r.Intent("b"), spoil(r.Dir()))
			if _, err := f.Resume(""); !errors.Is(err, journal.ErrCorrupt) {
				t.Errorf("got %v, want ErrCorrupt", err)
			}
			if _, err := f.Create(nil); !errors.Is(err, journal.ErrUnfinished) {
				t.Errorf("got %v, want ErrUnfinished", err)
			}
		})
	}
}

func edit(change func(string) string) func(string) error {
	return func(dir string) error {
		file := filepath.Join(dir, "journal.jsonl")
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		return os.WriteFile(file, []byte(change(string(text))), 0o600)
	}
}

func TestKeep(t *testing.T) {
	dir := t.TempDir()
	f := open(t, filepath.Join(dir, "runs"))
	defer f.Close()
	r := create(t, f)
	path := filepath.Join(dir, "etcd.yaml")
	must(t, os.WriteFile(path, []byte(manifest), 0o600), os.Chmod(path, 0o644))
	kept, err := r.Keep("etcd.yaml", path)
	must(t, err)
	must(t, os.WriteFile(path, []byte("edited"), 0o600))
	if again, err := r.Keep("etcd.yaml", path); err != nil || again != kept {
		t.Errorf("kept again: %+v, %v", again, err)
	}
	fresh := filepath.Join(dir, "fresh")
	must(t, r.Put(kept, fresh))
	text, err := os.ReadFile(fresh)
	if info, _ := os.Stat(fresh); err != nil || string(text) != manifest || info.Mode().Perm() != 0o644 {
		t.Errorf("put back %q, %v", text, err)
	}
	if err := r.Put(kept, fresh); !errors.Is(err, os.ErrExist) {
		t.Errorf("got %v, want ErrExist", err)
	}
	must(t, os.WriteFile(filepath.Join(r.Dir(), "kept", "etcd.yaml"), []byte("other"), 0o600))
	if _, err := r.Read(kept); !errors.Is(err, journal.ErrCorrupt) {
		t.Errorf("got %v, want ErrCorrupt", err)
	}
	must(t, os.Symlink(path, filepath.Join(dir, "link")))
	for _, name := range []string{"../x", "", ".", "/"} {
		if _, err := r.Keep(name, path); !errors.Is(err, journal.ErrOrder) {
			t.Errorf("%q: got %v, want ErrOrder", name, err)
		}
	}
	for _, path := range []string{filepath.Join(dir, "link"), dir, filepath.Join(dir, "nothing")} {
		if _, err := r.Keep("x", path); err == nil {
			t.Errorf("%s was kept", path)
		}
	}
}

// FuzzJournal reads any bytes as a journal: no panic, and what counts is read alike
// once the rest is cut off.
func FuzzJournal(f *testing.F) {
	f.Add([]byte(`{"seq":1,"time":"2026-11-26T12:00:00Z","event":"created","planSHA256":"x"}` + "\n" + `{"seq":2,"event":"kept"}` + "\n"))
	f.Add([]byte("{}\n\n{\"seq\":1"))
	f.Fuzz(func(t *testing.T, text []byte) {
		dir := t.TempDir()
		run := filepath.Join(dir, "20260101T000000Z-aaaaaa")
		must(t, os.Mkdir(run, 0o700), os.WriteFile(filepath.Join(run, "journal.jsonl"), text, 0o600), os.WriteFile(filepath.Join(run, "plan.json"), nil, 0o600))
		if runs, err := journal.List(dir); err != nil || len(runs) != 1 {
			t.Fatal(err)
		}
	})
}

// A member that the run went on without stays known, once.
func TestMissing(t *testing.T) {
	t.Parallel()
	f := open(t, filepath.Join(t.TempDir(), "runs"))
	defer f.Close()
	r := create(t, f)
	must(t, r.Intent("a"), r.Missing("cp3"), r.Missing("cp3"), r.Missing("cp2"), r.Done("a"))
	if err := r.Missing(""); !errors.Is(err, journal.ErrOrder) {
		t.Errorf("got %v", err)
	}
	r.Close()
	again, err := f.Resume(r.Name)
	must(t, err)
	defer again.Close()
	if diff := cmp.Diff([]string{"cp3", "cp2"}, again.State().Missing); diff != "" {
		t.Error(diff)
	}
}
