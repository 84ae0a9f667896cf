package node_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/etcd-restore/etcd-restore/pkg/datadir"
	"github.com/etcd-restore/etcd-restore/pkg/evidence"
	"github.com/etcd-restore/etcd-restore/test/etcdtest"
	"github.com/etcd-restore/etcd-restore/test/nodetest"
)

// A node with a real etcd: while it serves, once it was killed, and with its log
// damaged.
func TestEtcd(t *testing.T) {
	t.Parallel()
	for _, v := range etcdtest.Servers() {
		t.Run(string(v), func(t *testing.T) {
			t.Parallel()
			n := nodetest.New(t)
			c := etcdtest.New(t, etcdtest.Config{Version: v, TLS: n.TLS(t)})
			m := c.Members[0]
			n.Host(t, c, m)
			c.Start(t)
			revision := write(t, c, 300)

			live := look(t, n.Node)
			if live.Live.Err != nil || live.Live.Status.Revision != revision || !live.Live.Status.IsLeader() {
				t.Errorf("live: %+v", live.Live)
			}
			d := live.Data
			if d.Err != nil || d.SourceErr != nil || !d.Running || d.DBSize == 0 || d.Dir.Size < d.DBSize {
				t.Errorf("data: %+v", d)
			}
			if d.Source.MemberID != live.Live.Status.MemberID || d.Source.ClusterID != live.Live.Status.ClusterID || d.Source.MemberName != m.Name {
				t.Errorf("the database is of member %x (%s) of cluster %x, the member answers %x of %x",
					d.Source.MemberID, d.Source.MemberName, d.Source.ClusterID, live.Live.Status.MemberID, live.Live.Status.ClusterID)
			}
			if d.Source.Proven > revision || d.Source.Evidence().MemberID != 0 {
				t.Errorf("a database beside its etcd proves %d of %d, and counts for the member", d.Source.Proven, revision)
			}

			c.Kill(t)
			dead := look(t, n.Node)
			if dead.Live.Err == nil || dead.Data.Running || dead.Data.SourceErr != nil {
				t.Errorf("dead: %v, %+v", dead.Live.Err, dead.Data)
			}
			if s := dead.Data.Source; s.Proven > revision || s.Highest() < revision || s.MemberID != d.Source.MemberID || s.Name != "/var/lib/etcd" {
				t.Errorf("written up to %d, found %d to %d: %+v", revision, s.Proven, s.Highest(), s)
			}

			damageLog(t, m.DataDir)
			damaged := look(t, n.Node).Data
			if !errors.Is(damaged.SourceErr, datadir.ErrCorrupt) {
				t.Errorf("a damaged log: %v", damaged.SourceErr)
			}
			if s := damaged.Source; s.Proven != dead.Data.Source.Proven || s.Open != evidence.OpenCopy || s.ConsistentIndex == 0 {
				t.Errorf("of the database alone: %+v", s)
			}
			if err := os.RemoveAll(datadir.WALDir(m.DataDir)); err != nil {
				t.Fatal(err)
			}
			gone := look(t, n.Node).Data
			if !errors.Is(gone.SourceErr, datadir.ErrNotDataDir) || gone.Source.Proven != dead.Data.Source.Proven {
				t.Errorf("without a log: %v, %+v", gone.SourceErr, gone.Source)
			}
		})
	}
}

func write(t *testing.T, c *etcdtest.Cluster, n int) (revision int64) {
	t.Helper()
	client := c.Client(t)
	for i := range n {
		put, err := client.Put(t.Context(), fmt.Sprintf("/registry/%d", i%50), "value")
		if err != nil {
			t.Fatal(err)
		}
		revision = put.Header.Revision
	}
	return revision
}

// damageLog flips a byte in the middle of what was written.
func damageLog(t *testing.T, dataDir string) {
	t.Helper()
	segments, err := filepath.Glob(filepath.Join(datadir.WALDir(dataDir), "*.wal"))
	if err != nil || len(segments) == 0 {
		t.Fatal(segments, err)
	}
	f, err := os.OpenFile(segments[0], os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := make([]byte, 1)
	const at = 4000
	if _, err := f.ReadAt(b, at); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 0xff
	if _, err := f.WriteAt(b, at); err != nil {
		t.Fatal(err)
	}
}
