package journal_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/etcd-restore/etcd-restore/pkg/journal"
)

// A word reaches a run whose folder another process has locked, once and for good.
func TestWords(t *testing.T) {
	t.Parallel()
	f := open(t, filepath.Join(t.TempDir(), "runs"))
	defer f.Close()
	r := create(t, f)
	defer r.Close()
	for range 2 {
		must(t, journal.Tell(f.Path, r.Name, journal.Go))
	}
	for word, want := range map[journal.Word]bool{journal.Go: true, journal.Abort: false} {
		if told, err := r.Told(word); told != want || err != nil {
			t.Errorf("%s: %t, %v", word, told, err)
		}
	}
	for _, name := range []string{"../x", "20260101T000000Z-aaaaaa", ""} {
		if err := journal.Tell(f.Path, name, journal.Abort); !errors.Is(err, journal.ErrNoRun) {
			t.Errorf("%s: %v", name, err)
		}
	}
	must(t, r.Intent("a"), r.Done("a"), r.Finish(journal.Complete)) // the run does not mind the files
	if _, err := f.Resume(r.Name); err != nil {
		t.Error(err)
	}
}

// Who only asks whether a process is at work does not keep one from beginning.
func TestBusyIsNotInTheWay(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "runs")
	open(t, path).Close()
	ctx, stop := context.WithCancel(t.Context())
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		for ctx.Err() == nil {
			journal.Busy(path)
		}
	}()
	for range 200 {
		open(t, path).Close()
	}
	stop()
	<-asked
}

// What else lies in the folder is no run.
func TestListOnlyRuns(t *testing.T) {
	t.Parallel()
	f := open(t, filepath.Join(t.TempDir(), "runs"))
	defer f.Close()
	r := create(t, f)
	defer r.Close()
	for _, name := range []string{"bin", "uploads", "log"} {
		must(t, os.MkdirAll(filepath.Join(f.Path, name, "20260101T000000Z-aaaaaa"), 0o700))
	}
	must(t, os.WriteFile(filepath.Join(f.Path, "old-data-20260101T000000Z-aaaaaa.db"), nil, 0o600))
	runs, err := journal.List(f.Path)
	must(t, err)
	if len(runs) != 1 || runs[0].Name != r.Name {
		t.Errorf("got %+v", runs)
	}
	if _, err := f.Create(nil); !errors.Is(err, journal.ErrUnfinished) {
		t.Errorf("got %v", err)
	}
}

func TestFollow(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		end  func(*journal.Folder, *journal.Run, context.CancelFunc)
		last []journal.Event
		busy bool
		err  error
	}{
		"finished":    {func(_ *journal.Folder, r *journal.Run, _ context.CancelFunc) { must(t, r.Finish(journal.Complete)) }, []journal.Event{journal.Finished}, true, nil},
		"left alone":  {func(f *journal.Folder, _ *journal.Run, _ context.CancelFunc) { f.Close() }, nil, false, nil},
		"told to end": {func(_ *journal.Folder, _ *journal.Run, stop context.CancelFunc) { stop() }, nil, true, context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := open(t, filepath.Join(t.TempDir(), "runs"))
			defer f.Close()
			r := create(t, f)
			defer r.Close()
			must(t, r.Intent("a"))
			ctx, stop := context.WithTimeout(t.Context(), time.Minute)
			defer stop()
			var got []journal.Event
			s, busy, err := journal.Follow(ctx, f.Path, r.Name, func(rec journal.Record) error {
				got = append(got, rec.Event)
				switch len(got) {
				case 2: // all that had happened before
					must(t, r.Done("a"))
				case 3:
					tc.end(f, r, stop)
				}
				return nil
			})
			if want := append([]journal.Event{journal.Created, journal.Intent, journal.Done}, tc.last...); !cmp.Equal(want, got) {
				t.Errorf("heard %v, want %v", got, want)
			}
			if busy != tc.busy || !errors.Is(err, tc.err) || len(s.Records) != len(got) {
				t.Errorf("busy %t, %v, %+v", busy, err, s)
			}
		})
	}
	if _, _, err := journal.Follow(t.Context(), t.TempDir(), "20260101T000000Z-aaaaaa", nil); !errors.Is(err, journal.ErrCorrupt) {
		t.Errorf("no run: %v", err)
	}
}
