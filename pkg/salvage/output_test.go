package salvage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"golang.org/x/sys/unix"

	"github.com/etcd-restore/etcd-restore/pkg/newfile"
	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
)

// Nothing is replaced, and nothing is made where nothing can be.
func TestOutput(t *testing.T) {
	t.Parallel()
	dir := three(1, puts(2, 4, 9, 9)...).make(t)
	cfg := Config{Sources: sources(dir), Tail: TailInclude, Output: filepath.Join(t.TempDir(), "there.db")}
	if err := os.WriteFile(cfg.Output, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(t.Context(), cfg); !errors.Is(err, newfile.ErrExists) || !hinted(err) {
		t.Errorf("got error %v", err)
	}
	if b, err := os.ReadFile(cfg.Output); err != nil || string(b) != "precious" {
		t.Errorf("%q, %v", b, err)
	}
	cfg.Output = filepath.Join(t.TempDir(), "none", "s.db")
	if _, err := Run(t.Context(), cfg); !errors.Is(err, newfile.ErrTarget) || !hinted(err) {
		t.Errorf("got error %v", err)
	}
	left(t, filepath.Dir(filepath.Dir(cfg.Output)))
}

// The snapshot is like any other, and salvaging the same again makes the same.
func TestSalvageTwice(t *testing.T) {
	t.Parallel()
	c := three(1, puts(2, 4, 9, 9)...)
	c.keys = []string{"a", "b"}
	cfg := Config{Sources: sources(c.make(t)), Tail: TailInclude}
	first, path := salvaged(t, cfg)
	second, again := salvaged(t, cfg)
	want := hashIn(t, path, first.Revision)
	if got := hashIn(t, again, second.Revision); got != want || first.Revision != second.Revision {
		t.Errorf("hash %x at revision %d, then %x at %d", want, first.Revision, got, second.Revision)
	}
	f, err := snapshot.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	verified, err := f.Verify(t.Context(), nil)
	if err != nil || !verified.OK() || len(verified.Findings) > 0 || verified.SHA256 != first.SHA256 || f.Size() != first.Size {
		t.Errorf("%v: %+v, reported %+v", err, verified, first)
	}

	// Of a db that has all, nothing changes.
	current := c
	current.applied, current.term = 9, 2
	dir := current.make(t)
	r, path := salvaged(t, Config{Sources: sources(dir), Tail: TailInclude})
	if got, want := hashIn(t, path, 0), hashIn(t, filepath.Join(dir, "member/snap/db"), 0); got != want || r.Replayed != 0 {
		t.Errorf("hash %x, in the db %x: %+v", got, want, r)
	}
}

// steps is told what is going on, and interrupts it.
type steps struct {
	at     string
	cancel context.CancelFunc
	seen   map[string]bool
}

func (s *steps) Start(what string, _ int64) {
	if s.seen[what] = true; what == s.at {
		s.cancel()
	}
}
func (s *steps) Add(int64) {}
func (s *steps) Finish()   {}

// Interrupted wherever it is, a salvage leaves nothing (invariants I1 and I2).
func TestInterrupted(t *testing.T) {
	t.Parallel()
	dir := long(1).make(t)
	all := &steps{seen: map[string]bool{}}
	salvaged(t, Config{Sources: sources(dir), Tail: TailInclude, Progress: all})
	if len(all.seen) < 3 {
		t.Errorf("steps %v", all.seen)
	}
	all.seen["before"] = true
	for step := range all.seen {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if step == "before" {
				cancel()
			}
			before := fingerprint(t, dir)
			out := filepath.Join(t.TempDir(), "s.db")
			progress := &steps{at: step, cancel: cancel, seen: map[string]bool{}}
			if _, err := Run(ctx, Config{Sources: sources(dir), Tail: TailInclude, Output: out, Progress: progress}); !errors.Is(err, context.Canceled) {
				t.Errorf("got error %v", err)
			}
			left(t, filepath.Dir(out))
			if fingerprint(t, dir) != before {
				t.Error("the directory has changed")
			}
		})
	}
}

// The disk fills up while the db is copied or while etcd's packages write to it,
// which those survive in no other way than by ending the process.
func TestFullDisk(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIP full disk: needs root to mount a tmpfs")
	}
	t.Parallel()
	c := three(1)
	for i := range uint64(60) { // 6 MB, of which the db of 100 KB knows nothing
		value := bytes.Repeat([]byte{byte(i)}, 100<<10)
		c.log = append(c.log, request(2, i+4, &pb.InternalRaftRequest{Put: &pb.PutRequest{Key: fmt.Append(nil, i), Value: value}}), state(2, i+4))
	}
	dir := c.make(t)
	for _, size := range []string{"32k", "100k", "200k", "1m", "4m", "5m"} {
		t.Run(size, func(t *testing.T) {
			t.Parallel()
			small := t.TempDir()
			if err := unix.Mount("tmpfs", small, "tmpfs", 0, "size="+size); err != nil {
				t.Skipf("SKIP full disk: mount: %v", err)
			}
			// A goroutine of etcd's packages that has ended in the middle of its work may
			// have the removed file open.
			defer func() {
				if err := unix.Unmount(small, unix.MNT_DETACH); err != nil {
					t.Error(err)
				}
			}()
			_, err := fails(t, Config{Sources: sources(dir), Tail: TailInclude, Output: filepath.Join(small, "s.db")}, newfile.ErrNoSpace)
			if !hinted(err) || strings.Contains(err.Error(), ".part") {
				t.Errorf("%v", err)
			}
		})
	}
}
