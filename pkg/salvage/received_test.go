package salvage

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/etcd-restore/etcd-restore/pkg/datadir"
	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// A follower that was away for too long is sent a db. It may be killed when it has
// written down that it has it, and before the db is in place: then it lies beside
// the old one. The directory is put together from what such a follower has written.
func TestReceivedFromLeader(t *testing.T) {
	t.Parallel()
	for _, version := range []etcdtest.Version{etcdtest.V36, etcdtest.V37} {
		t.Run(string(version), func(t *testing.T) {
			t.Parallel()
			c := etcdtest.New(t, etcdtest.Config{Version: version, Size: 3, Args: []string{"--snapshot-count=50", "--snapshot-catchup-entries=10"}})
			c.Start(t)
			late, other := follower(t, c)
			late.Kill(t)
			old := inUse(t, datadir.DBPath(late.DataDir))
			client := other.Client(t)
			write := func(n int) {
				for i := range n {
					if _, err := client.Put(t.Context(), fmt.Sprintf("key-%d", i), "value"); err != nil {
						t.Fatal(err)
					}
				}
			}
			write(200)
			late.Start(t)
			late.Ready(t)
			write(5)
			c.Kill(t)

			log, err := datadir.ReadInfo(t.Context(), datadir.WALDir(late.DataDir))
			if err != nil || log.FirstIndex < 100 {
				t.Fatalf("%v: the log begins at %d, want it behind the leader's snapshot", err, log.FirstIndex)
			}
			received := filepath.Join(datadir.SnapDir(late.DataDir), fmt.Sprintf("%016x.snap.db", log.SnapshotIndex))
			if err := os.Rename(datadir.DBPath(late.DataDir), received); err != nil {
				t.Fatal(err)
			}
			overwrite(t, datadir.DBPath(late.DataDir), old)

			alone, path := salvaged(t, Config{Sources: sources(late.DataDir), Tail: TailInclude})
			both, whole := salvaged(t, Config{Sources: sources(late.DataDir, other.DataDir)})
			revision := min(alone.Revision, both.Revision)
			if got, want := hashIn(t, path, revision), hashIn(t, whole, revision); got != want || revision < 205 {
				t.Errorf("hash %x at revision %d, want %x", got, revision, want)
			}
			if !both.Majority || len(both.Members) != 3 {
				t.Errorf("%+v", both)
			}
			without := clone(t, late.DataDir)
			remove(t, filepath.Join(datadir.SnapDir(without), filepath.Base(received)))
			_, _ = fails(t, Config{Sources: sources(without), Tail: TailInclude}, datadir.ErrIncomplete)
		})
	}
}

// follower returns a member that does not lead, whose end no write will notice, and
// another.
func follower(t *testing.T, c *etcdtest.Cluster) (late, other *etcdtest.Member) {
	t.Helper()
	for i, m := range c.Members {
		status, err := m.Client(t).Status(t.Context(), m.ClientURL)
		if err != nil {
			t.Fatal(err)
		}
		if status.Leader != status.Header.MemberId {
			return m, c.Members[(i+1)%len(c.Members)]
		}
	}
	t.Fatal("every member leads")
	return nil, nil
}
