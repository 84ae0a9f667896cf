package salvage

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/etcd-restore/etcd-restore/pkg/datadir"
	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
)

// long is a log of several segments: entries 4 to 103, each in a write of its own.
func long(member uint64) crafted {
	c := three(member)
	for i := uint64(4); i < 104; i++ {
		c.log = append(c.log, request(2, i, &pb.InternalRaftRequest{
			Put: &pb.PutRequest{Key: fmt.Appendf(nil, "k%d", i), Value: bytes.Repeat([]byte{'v'}, 1000)},
		}), state(2, i-1))
	}
	return c
}

// segment returns the path of a segment of the log, counted from the end if n is
// negative, and its content.
func segment(t *testing.T, dir string, n int) (path string, content []byte) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(datadir.WALDir(dir), "*.wal"))
	if err != nil || len(files) < 2 && n != 0 {
		t.Fatalf("segments %v, %v", files, err)
	}
	path = files[(n+len(files))%len(files)]
	if content, err = os.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	return path, content
}

func overwrite(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// end is where the last record of a segment ends, but for its padding.
func end(content []byte) int { return len(bytes.TrimRight(content, "\x00")) }

// framed is where the frame of the last record ends. There are zeros behind it.
func framed(content []byte) (int, []byte) {
	return (end(content) + 7) / 8 * 8, append(content, make([]byte, 64)...)
}

// What a crash leaves at the end of a log is no damage: the write was never
// acknowledged. All before it is salvaged.
func TestTornTail(t *testing.T) {
	t.Parallel()
	for name, tear := range map[string]func(path string, b []byte){
		"cut within the last record": func(path string, b []byte) { overwrite(t, path, b[:end(b)-5]) },
		"cut within a length":        func(path string, b []byte) { n, b := framed(b); overwrite(t, path, b[:n+3]) },
		"cut between records":        func(path string, b []byte) { n, b := framed(b); overwrite(t, path, b[:n]) },
		"zeros at the end":           func(path string, b []byte) { clear(b[end(b)-700:]); overwrite(t, path, b) },
		"a sector of zeros": func(path string, b []byte) {
			at := (end(b) - 900) / 512 * 512
			clear(b[at : at+512])
			overwrite(t, path, b)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dirs := []string{long(1).make(t), long(2).make(t)}
			for _, dir := range dirs {
				tear(segment(t, dir, -1))
			}
			r, path := salvaged(t, Config{Sources: sources(dirs...)})
			if !r.Majority || r.Lost != nil || r.AppliedIndex < 85 || r.AppliedIndex > 103 {
				t.Errorf("%+v", r)
			}
			if got := keys(t, path); len(got) != int(r.AppliedIndex)-3 {
				t.Errorf("%d keys up to entry %d", len(got), r.AppliedIndex)
			}
		})
	}
}

// Of a log that is damaged in the middle all before the damage can be had, if a
// person says so; whoever has the rest of it wins instead.
func TestDamagedLog(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(dir string){
		"flipped bit":               func(dir string) { path, b := segment(t, dir, 2); b[6000] ^= 1; overwrite(t, path, b) },
		"zeros":                     func(dir string) { path, b := segment(t, dir, 2); clear(b[5000:9000]); overwrite(t, path, b) },
		"zeros in the last segment": func(dir string) { path, b := segment(t, dir, -1); clear(b[2048:2560]); overwrite(t, path, b) },
		"a length in the last segment": func(dir string) {
			path, b := segment(t, dir, -1)
			at := bytes.Index(b, []byte("vvvvvvvvvvvvvvvv"))
			at = at + bytes.Index(b[at:], []byte{0, 0, 0, 0}) - 4
			b[at/8*8+5] ^= 4
			overwrite(t, path, b)
		},
		"missing segment": func(dir string) { path, _ := segment(t, dir, 2); remove(t, path) },
		"cut segment":     func(dir string) { path, b := segment(t, dir, 2); overwrite(t, path, b[:4000]) },
		"garbage segment": func(dir string) {
			path, b := segment(t, dir, 2)
			overwrite(t, path, bytes.Repeat([]byte{0xa5}, len(b)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, sound := long(1).make(t), long(2).make(t)
			damage(dir)
			r, err := fails(t, Config{Sources: sources(dir), Tail: TailInclude}, datadir.ErrCorrupt)
			if r == nil || r.Lost == nil || r.Majority || !slices.Equal(r.Needs, []Need{NeedPartial}) {
				t.Fatalf("%+v", r)
			}
			if want := fmt.Sprintf("entries up to %d can be read", r.Lost.After); !strings.Contains(err.Error(), want) || r.Lost.After > 102 || r.Lost.At == "" {
				t.Errorf("%v does not say %q: %+v", err, want, r.Lost)
			}
			if _, err := fails(t, Config{Sources: sources(dir), AllowPartial: true}, ErrNoMajority); err == nil || !hinted(err) {
				t.Errorf("no hint: %v", err)
			}

			partial, path := salvaged(t, Config{Sources: sources(dir), Tail: TailInclude, AllowPartial: true})
			if got := keys(t, path); len(got) != int(r.Lost.After)-3 || partial.AppliedIndex != r.Lost.After {
				t.Errorf("%d keys, %+v", len(got), partial)
			}
			both, path := salvaged(t, Config{Sources: sources(dir, sound), Tail: TailInclude})
			if got := keys(t, path); len(got) != 100 || both.Majority || !both.Directories[1].Winner || both.Lost != nil {
				t.Errorf("with a sound one: %d keys, %+v", len(got), both)
			}
		})
	}
}

func hinted(err error) bool {
	var h interface{ Hint() string }
	return errors.As(err, &h) && h.Hint() != ""
}

// What the db holds is not needed of the log.
func TestDamageBelowTheDB(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(dir string){
		"flipped bit":     func(dir string) { path, b := segment(t, dir, 1); b[6000] ^= 1; overwrite(t, path, b) },
		"missing segment": func(dir string) { path, _ := segment(t, dir, 1); remove(t, path) },
		"first missing":   func(dir string) { path, _ := segment(t, dir, 0); remove(t, path) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var dirs []string
			for id := range uint64(2) {
				c := long(id + 1)
				c.applied, c.term = 60, 2
				dirs = append(dirs, c.make(t))
				damage(dirs[id])
			}
			r, path := salvaged(t, Config{Sources: sources(dirs...)})
			if got := keys(t, path); !r.Majority || r.Lost != nil || len(got) != 43 {
				t.Errorf("%d keys, %+v", len(got), r)
			}
		})
	}
}

// A directory of which nothing can be made is refused, with the next step.
func TestUnusable(t *testing.T) {
	t.Parallel()
	usual := three(1, puts(2, 4, 9, 9)...)
	future := usual
	future.version = "3.8.0"
	ahead := usual
	ahead.applied = 50
	gap := three(1, one(&walpb.Snapshot{Index: new(uint64(50)), Term: new(uint64(2)), ConfState: &raftpb.ConfState{Voters: []uint64{1}}}, state(2, 50))...)
	for name, tc := range map[string]struct {
		make func(t *testing.T) string
		want error
	}{
		"flipped db":      {edited(usual, flipPages), snapshot.ErrCorrupt},
		"cut db":          {edited(usual, func(db []byte) []byte { return db[:len(db)/2] }), snapshot.ErrCorrupt},
		"empty db":        {edited(usual, func([]byte) []byte { return nil }), snapshot.ErrNotSnapshot},
		"db of garbage":   {edited(usual, func(db []byte) []byte { return bytes.Repeat([]byte("garbage "), len(db)/8) }), snapshot.ErrNotSnapshot},
		"later etcd":      {future.make, ErrVersion},
		"db ahead of log": {ahead.make, datadir.ErrIncomplete},
		"log without db":  {gap.make, datadir.ErrIncomplete},
		"empty directory": {func(t *testing.T) string { return t.TempDir() }, datadir.ErrNotDataDir},
		"no directory":    {func(t *testing.T) string { return datadir.DBPath(usual.make(t)) }, datadir.ErrNotDataDir},
		"no log": {func(t *testing.T) string {
			dir := usual.make(t)
			path, _ := segment(t, dir, 0)
			remove(t, path)
			return dir
		}, datadir.ErrNotDataDir},
		"log of garbage": {func(t *testing.T) string {
			dir := usual.make(t)
			path, b := segment(t, dir, 0)
			overwrite(t, path, bytes.Repeat([]byte{0x21}, len(b)))
			return dir
		}, datadir.ErrCorrupt},
		"not there": {func(t *testing.T) string { return filepath.Join(t.TempDir(), "none") }, datadir.ErrNotDataDir},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := Config{Sources: sources(tc.make(t)), Tail: TailInclude}
			if name == "not there" {
				_, err := Run(t.Context(), Config{Sources: cfg.Sources, Output: filepath.Join(t.TempDir(), "s.db")})
				if !errors.Is(err, tc.want) || !hinted(err) {
					t.Errorf("%v (hint: %t), want %v", err, hinted(err), tc.want)
				}
				return
			}
			if _, err := fails(t, cfg, tc.want); !hinted(err) {
				t.Errorf("no hint: %v", err)
			}
		})
	}
}

// flipPages damages the head of every page but the two meta pages.
func flipPages(db []byte) []byte {
	for page := 2 * os.Getpagesize(); page < len(db); page += os.Getpagesize() {
		db[page+8] ^= 0xff
	}
	return db
}

// edited returns a maker of the directory with another db.
func edited(c crafted, edit func(db []byte) []byte) func(*testing.T) string {
	return func(t *testing.T) string {
		dir := c.make(t)
		db, err := os.ReadFile(datadir.DBPath(dir))
		if err != nil {
			t.Fatal(err)
		}
		overwrite(t, datadir.DBPath(dir), edit(db))
		return dir
	}
}

// A damaged db has a log that counts for the majority, and whose winner can be
// another that ends at the same entry.
func TestDamagedDBStillVotes(t *testing.T) {
	t.Parallel()
	broken := edited(three(1, puts(2, 4, 9, 5)...), func(db []byte) []byte { return db[:len(db)/2] })(t)
	sound := three(2, puts(2, 4, 9, 7)...).make(t)
	r, path := salvaged(t, Config{Sources: sources(broken, sound)})
	if !r.Majority || !r.Directories[1].Winner || len(keys(t, path)) != 6 || !strings.Contains(fmt.Sprint(r.Notes), "its database cannot be used") {
		t.Errorf("%+v", r)
	}
	longer := edited(three(3, puts(2, 4, 11, 5)...), func(db []byte) []byte { return db[:len(db)/2] })(t)
	if _, err := fails(t, Config{Sources: sources(sound, longer)}, snapshot.ErrCorrupt); !hinted(err) {
		t.Errorf("no hint: %v", err)
	}
}

// A log that says of itself that more was committed than it holds has lost it.
func TestCommitBeyondTheLog(t *testing.T) {
	t.Parallel()
	dirs := []string{three(1, puts(2, 4, 9, 12)...).make(t), three(2, puts(2, 4, 9, 12)...).make(t)}
	if r, err := fails(t, Config{Sources: sources(dirs...)}, datadir.ErrIncomplete); r == nil || r.Majority || r.Lost == nil || r.Lost.Beyond != 12 {
		t.Errorf("%v: %+v", err, r)
	}
	r, path := salvaged(t, Config{Sources: sources(append(dirs, three(3, puts(2, 4, 12, 12)...).make(t))...), Tail: TailInclude})
	if len(keys(t, path)) != 9 || r.Majority {
		t.Errorf("%+v", r)
	}
}

// A db from the leader that was not put in place any more is the one to start from.
func TestReceivedDB(t *testing.T) {
	t.Parallel()
	received := &walpb.Snapshot{Index: new(uint64(50)), Term: new(uint64(2)), ConfState: &raftpb.ConfState{Voters: []uint64{1}}}
	c := three(1, log(puts(2, 4, 6, 6), one(received, state(2, 50)), puts(2, 51, 53, 51))...)
	dir := c.make(t)
	c.applied, c.term, c.keys = 50, 2, []string{"sent by the leader"}
	c.makeDB(t, filepath.Join(datadir.SnapDir(dir), fmt.Sprintf("%016x.snap.db", 50)))
	r, path := salvaged(t, Config{Sources: sources(dir)})
	got := keys(t, path)
	if len(got) != 4 || got["sent by the leader"] == "" || got["k53"] == "" || r.Replayed != 3 || !r.Majority {
		t.Errorf("%v, %+v", got, r)
	}
	// Without its commit the record of the snapshot does not count.
	c = three(1, log(puts(2, 4, 6, 6), one(received))...)
	if r := examined(t, c.make(t)); r.LastIndex != 6 {
		t.Errorf("%+v", r)
	}
}
