package evidence_test

import (
	"errors"
	"io/fs"
	"os"
	"testing"

	"github.com/etcd-restore/etcd-restore/pkg/datadir"
	"github.com/etcd-restore/etcd-restore/pkg/evidence"
	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// The database beside its running etcd tells who its member is, and is no word of
// that member for a decision.
func TestFromRunning(t *testing.T) {
	t.Parallel()
	c := etcdtest.New(t, etcdtest.Config{Version: etcdtest.V37})
	m := c.Members[0]
	c.Start(t)
	revision := put(t, c.Client(t), 100)
	s, err := evidence.FromRunning(t.Context(), m.DataDir, "")
	if err != nil {
		t.Fatal(err)
	}
	if s.MemberName != m.Name || s.MemberID == 0 || s.ClusterID == 0 || s.ConsistentIndex == 0 || s.Proven > revision {
		t.Errorf("%+v", s)
	}
	if e := s.Evidence(); e.MemberID != 0 {
		t.Errorf("counts as the word of its member: %+v", e)
	}

	c.Kill(t)
	if err := os.RemoveAll(datadir.WALDir(m.DataDir)); err != nil {
		t.Fatal(err)
	}
	s, err = evidence.FromRunning(t.Context(), m.DataDir, "")
	if !errors.Is(err, fs.ErrNotExist) || s.ConsistentIndex == 0 || s.MemberID != 0 {
		t.Errorf("without a log: %v, %+v", err, s)
	}
	if _, err = evidence.FromRunning(t.Context(), t.TempDir(), ""); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a database: %v", err)
	}
}
