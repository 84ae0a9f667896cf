package restore_test

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/etcd-restore/etcd-restore/pkg/datadir"
	"github.com/etcd-restore/etcd-restore/pkg/membership"
	"github.com/etcd-restore/etcd-restore/pkg/restore"
	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
)

// checkComplete fails unless the target is a whole data directory of the member
// that the job is to make: db, log and raft snapshot, and they agree.
func checkComplete(t *testing.T, j job, target restore.Target) {
	t.Helper()
	cluster, err := membership.New(j.InitialCluster, token, nil)
	if err != nil {
		t.Fatal(err)
	}
	me, _ := cluster.Member(target.Member)
	checkDB(t, datadir.DBPath(target.DataDir), cluster)

	walDir := target.WALDir
	if walDir == "" {
		walDir = datadir.WALDir(target.DataDir)
	}
	log, err := datadir.ReadInfo(t.Context(), walDir)
	if err != nil {
		t.Errorf("log: %v", err)
		return
	}
	if log.MemberID != me.ID || log.ClusterID != cluster.ID || log.Torn || log.Commit != uint64(len(cluster.Members)) {
		t.Errorf("log of %s: %+v", target.Member, log)
	}
	name := datadir.SnapName(datadir.InitialTerm, datadir.InitialIndex(cluster))
	if found, err := filepath.Glob(filepath.Join(datadir.SnapDir(target.DataDir), name)); err != nil || len(found) != 1 {
		t.Errorf("raft snapshot: %q, %v", found, err)
	}
}

func checkDB(t *testing.T, path string, cluster *membership.Cluster) {
	t.Helper()
	f, err := snapshot.Open(path)
	if err != nil {
		t.Errorf("db: %v", err)
		return
	}
	defer f.Close()
	if err := f.CheckStructure(t.Context(), nil); err != nil {
		t.Errorf("db: %v", err)
	}
	facts, err := f.Facts()
	if err != nil {
		t.Errorf("db: %v", err)
	}
	var got, want []uint64
	for _, m := range facts.Members {
		got = append(got, m.ID)
	}
	for _, m := range cluster.Members {
		want = append(want, m.ID)
	}
	slices.Sort(got) // by number, not by its digits
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("members in %s: %s", path, diff)
	}
	if facts.ConsistentIndex != uint64(len(want)) || facts.Term != datadir.InitialTerm {
		t.Errorf("%s: consistent index %d, term %d", path, facts.ConsistentIndex, facts.Term)
	}
	view, err := f.Keyspace()
	if err != nil {
		t.Errorf("db: %v", err)
		return
	}
	if view.Revision() <= bump || view.Compacted() != view.Revision() {
		t.Errorf("%s: revision %d, compacted %d", path, view.Revision(), view.Compacted())
	}
}
