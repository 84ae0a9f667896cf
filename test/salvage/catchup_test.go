package salvage

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// TestCaughtUpBySnapshot has a follower absent for so long that its leader sends
// it the database instead of the log. Its own log then has a gap. Killed at once
// it has a database that it received beside the one that it uses.
func TestCaughtUpBySnapshot(t *testing.T) {
	eachVersion(t, func(t *testing.T, v etcdtest.Version) {
		for name, settle := range map[string]bool{"settled": true, "at once": false} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				caughtUp(t, v, settle)
			})
		}
	})
}

func caughtUp(t *testing.T, v etcdtest.Version, settle bool) {
	flag := "--snapshot-catchup-entries=20"
	if v == etcdtest.V35 {
		flag = "--experimental-snapshot-catchup-entries=20"
	}
	s := newScene(t, v, seed(t), plan{args: []string{"--snapshot-count=100", flag}})
	s.work(t, 3)
	_, followers := s.leader(t)
	absent := followers[0]
	absent.Kill(t)
	s.await(t, 500)
	absent.Start(t)
	awaitCondition(t, absent.Name+" to receive a snapshot", func() bool {
		log, err := os.ReadFile(absent.LogFile)
		return err == nil && bytes.Contains(log, []byte("received and saved database snapshot"))
	})
	if settle {
		absent.Ready(t)
		s.await(t, 20+s.random.IntN(100))
	}
	s.disaster(t)
	received, err := filepath.Glob(filepath.Join(absent.DataDir, "member", "snap", "*.snap.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s has %d received databases", absent.Name, len(received))
	s.prove(t, absent, followers[1])
}

// TestLongLog fills more than one segment of the log, and restarts the members,
// which removes what they no longer need of it.
func TestLongLog(t *testing.T) {
	eachVersion(t, func(t *testing.T, v etcdtest.Version) {
		s := newScene(t, v, seed(t), plan{args: []string{"--snapshot-count=5", "--max-wals=1", "--max-snapshots=1"}})
		w := s.newWriter(t, "bulk")
		w.begin()
		for i := range 70 { // a segment has 64 MB
			w.must(t, w.putSized(fmt.Sprintf("%s%02d", w.life.prefix, i%4), 1<<20))
		}
		s.cluster.Stop(t)
		s.cluster.Start(t)
		for _, m := range s.cluster.Members {
			awaitCondition(t, m.Name+" to remove its first segment", func() bool {
				_, err := os.Stat(filepath.Join(m.DataDir, "member", "wal", "0000000000000000-0000000000000000.wal"))
				return os.IsNotExist(err)
			})
		}
		s.work(t, 3)
		s.await(t, 100+s.random.IntN(200))
		s.disaster(t)
		s.prove(t, s.cluster.Members[:2]...)
	})
}

// putSized puts a value of some size.
func (w *writer) putSized(key string, size int) request {
	return w.putValue(key, w.value()+strings.Repeat("y", size), 0)
}

func awaitCondition(t *testing.T, what string, met func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), workTimeout)
	defer cancel()
	for !met() {
		select {
		case <-ctx.Done():
			t.Fatalf("waited for %s", what)
		case <-time.After(2 * time.Millisecond):
		}
	}
}
