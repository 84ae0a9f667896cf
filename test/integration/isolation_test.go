package integration

import (
	"context"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// TestOldMemberStaysOut starts a surviving member of the old cluster, on its old
// data and at its old address, in the place of the third restored member
// (invariant I4). It knows a higher term and a longer log, so with the same IDs
// it would win.
func TestOldMemberStaysOut(t *testing.T) {
	eachVersion(t, func(t *testing.T, v etcdtest.Version) {
		c, file, saved := doomed(t, v)
		old := c.MemberList(t)
		c.Kill(t)

		survivor := c.Members[2]
		oldDir, oldLog := survivor.DataDir, survivor.LogFile
		p := restoreAll(t, c, file)
		for _, m := range old {
			if idOf(t, p, m.Name) == strconv.FormatUint(m.ID, 16) {
				t.Errorf("%s has its old ID %x", m.Name, m.ID)
			}
		}
		newDir := survivor.DataDir
		survivor.DataDir, survivor.LogFile = oldDir, filepath.Join(t.TempDir(), "survivor.log")
		survivor.Start(t)
		c.Members[0].Start(t)
		c.Members[1].Start(t)
		restored := c.Members[:2]
		for _, m := range restored {
			m.Ready(t)
		}

		awaitLog(t, survivor, "cluster ID mismatch")
		first := p.Revision.Restored
		client := restored[0].Client(t) // not of all: one of the three addresses is the survivor's
		requireWrite(t, client, "without the survivor", first+1)
		resp, err := client.Get(t.Context(), "", clientv3.WithFromKey(), clientv3.WithRev(first))
		if err != nil {
			t.Fatal(err)
		}
		if diff := etcdtest.Diff(saved, resp.Kvs); diff != "" {
			t.Error(diff)
		}
		requireOutside(t, survivor)

		// The third restored member is welcome at the same address.
		survivor.Kill(t)
		survivor.DataDir, survivor.LogFile = newDir, oldLog
		survivor.Start(t)
		requireSameHash(t, c, first+1)
		requireMembers(t, c, p)
	})
}

// TestOldTokenLetsTheOldMemberIn is the same with etcd's default token, as etcdutl
// restores: it shows that the old member is a danger, and the test above no idle
// one.
func TestOldTokenLetsTheOldMemberIn(t *testing.T) {
	t.Parallel()
	c, file, _ := doomed(t, etcdtest.V37)
	c.Kill(t)
	survivor := c.Members[2]
	oldDir := survivor.DataDir
	restoreAll(t, c, file, "--initial-cluster-token", "etcd-cluster")
	survivor.DataDir, survivor.LogFile = oldDir, filepath.Join(t.TempDir(), "survivor.log")
	survivor.Start(t)
	c.Members[0].Start(t)
	c.Members[1].Start(t)
	awaitLog(t, survivor, "elected leader")
	if logged(t, survivor, "cluster ID mismatch") {
		t.Error("the old member noticed")
	}
}

// doomed starts a cluster and takes a snapshot of it; more is written after that.
func doomed(t *testing.T, v etcdtest.Version) (c *etcdtest.Cluster, file string, saved []*mvccpb.KeyValue) {
	t.Helper()
	c = etcdtest.New(t, etcdtest.Config{Version: v, Size: 3})
	c.Start(t)
	load, err := etcdtest.LoadKubernetes(t.Context(), c.Client(t), etcdtest.KubernetesOptions{Nodes: 1, Pods: 5, Rounds: 1})
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "snap.db")
	save(t, c, file)
	saved = c.Keys(t, 0)
	if err := load.Churn(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	return c, file, saved
}

// requireOutside wants m, which is running, to serve nobody: it has never found a
// leader.
func requireOutside(t *testing.T, m *etcdtest.Member) {
	t.Helper()
	for _, text := range []string{"became leader", "elected leader", "published local member"} {
		if logged(t, m, text) {
			t.Errorf("the old member found a cluster: its log says %q", text)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if _, err := m.Client(t).Put(ctx, "to the old member", ""); err == nil {
		t.Error("the old member accepted a write")
	}
	if !m.Running() {
		t.Error("the old member has ended by itself, and proves nothing")
	}
}
