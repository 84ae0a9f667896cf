package integration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// survey is the part of the result of revision -w json that scripts read.
type survey struct {
	Sources []struct {
		Source  string `json:"source"`
		Proven  int64  `json:"provenRevision"`
		AtMost  int64  `json:"atMost"`
		Cluster string `json:"clusterID"`
	} `json:"sources"`
	Complete bool  `json:"complete"`
	Highest  int64 `json:"highestRevision"`
	Restore  struct {
		SHA256  string   `json:"sha256"`
		Bump    uint64   `json:"bump"`
		First   int64    `json:"firstRevision"`
		Floor   bool     `json:"floor"`
		Missing []string `json:"missing"`
	} `json:"restore"`
}

// revisionOf runs the verb, which has to succeed, and returns its result.
func revisionOf(t *testing.T, args ...string) survey {
	t.Helper()
	got := command(t.Context(), nil, append([]string{"revision", "-w", "json"}, args...)...)
	var s survey
	if err := json.Unmarshal([]byte(got.out), &s); err != nil || got.code != 0 || !s.Complete {
		t.Fatalf("revision %s: %v, %+v", strings.Join(args, " "), err, got)
	}
	return s
}

// TestRevisionProof takes the number that revision --for gives and restores with
// it. A watch that a client opened on the old cluster at its very last revision,
// and keeps open over the loss, must end with "compacted"; a client that lists
// and watches must find its way back by listing once (invariant I5).
func TestRevisionProof(t *testing.T) {
	eachVersion(t, revisionProof)
}

func revisionProof(t *testing.T, v etcdtest.Version) {
	c := etcdtest.New(t, etcdtest.Config{Version: v, Size: 3})
	c.Members[1].WALDir = filepath.Join(t.TempDir(), "wal")
	c.Start(t)
	client := c.Client(t)
	load, err := etcdtest.LoadKubernetes(t.Context(), client, etcdtest.KubernetesOptions{Nodes: 2, Pods: 10, Rounds: 1})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "snap.db")
	save(t, c, file)
	saved := c.Keys(t, 0)
	if err := load.Churn(t.Context(), 2); err != nil { // lost to the snapshot, seen by clients
		t.Fatal(err)
	}
	last := load.Revision
	inf := newInformer(t, c.Client(t))
	inf.converge(t, client)
	settle(t, c)
	requireRevision(t, c, last)

	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	watches := map[int64]clientv3.WatchChan{last: nil, last + 1: nil}
	for rev := range watches {
		watches[rev] = openWatch(ctx, t, client, rev, last)
	}
	live := revisionOf(t, append(c.Endpoints(), "--for", file)...)
	if live.Highest != last || len(live.Restore.Missing) > 0 {
		t.Errorf("all members serve %d: %+v", last, live)
	}
	c.Kill(t)

	dead := revisionOf(t, append(dataDirs(c), "--for", file)...)
	first := dead.Restore.First
	if dead.Highest < last || dead.Highest > last+50 || dead.Restore.Floor || len(dead.Restore.Missing) > 0 || first <= dead.Highest {
		t.Errorf("all members served %d: %+v", last, dead)
	}
	refuseBelow(t, c, file, last)
	p := restoreAll(t, c, file, "--mark-compacted", "--expect-sha256", dead.Restore.SHA256, fmt.Sprint("--bump-revision=", dead.Restore.Bump))
	if p.Revision.Restored != first || p.Revision.Compacted != first {
		t.Errorf("the result says %+v, the proof says %d", p.Revision, first)
	}
	c.Start(t)

	requireRevision(t, c, first)
	for rev, watch := range watches {
		requireEnd(ctx, t, watch, rev, first)
	}
	if lists := inf.converge(t, client); lists != 2 {
		t.Errorf("the informer listed %d times, once before and once after would do", lists)
	}
	if diff := etcdtest.Diff(saved, c.Keys(t, 0)); diff != "" {
		t.Error(diff)
	}
	requireWrite(t, client, prefix+"shop/new", first+1)
	if lists := inf.converge(t, client); lists != 2 {
		t.Errorf("the informer listed %d times", lists)
	}
	if again := revisionOf(t, c.Endpoints()...); again.Highest != first+1 {
		t.Errorf("the restored cluster is at %d, the verb says %+v", first+1, again)
	}
}

// openWatch watches everything from revision rev on and waits until the server
// has the watch and has told it of all up to last, what it does at once.
func openWatch(ctx context.Context, t *testing.T, client *clientv3.Client, rev, last int64) clientv3.WatchChan {
	t.Helper()
	watch := client.Watch(ctx, "", clientv3.WithFromKey(), clientv3.WithRev(rev), clientv3.WithCreatedNotify())
	if resp, open := <-watch; !open || !resp.Created {
		t.Fatalf("watch from revision %d: %+v, %v", rev, resp, resp.Err())
	}
	for told := rev - 1; told < last; {
		resp, open := <-watch
		if !open || resp.Err() != nil {
			t.Fatalf("watch from revision %d, told up to %d: %v", rev, told, resp.Err())
		}
		for _, e := range resp.Events {
			told = e.Kv.ModRevision
		}
	}
	return watch
}

// requireEnd wants the next that the watch tells to be that everything is
// compacted up to the given revision.
func requireEnd(ctx context.Context, t *testing.T, watch clientv3.WatchChan, rev, compacted int64) {
	t.Helper()
	resp, open := <-watch
	if !open || !errors.Is(resp.Err(), rpctypes.ErrCompacted) || resp.CompactRevision != compacted {
		t.Errorf("watch from revision %d: %+v, %v (%v), want compacted at %d", rev, resp, resp.Err(), ctx.Err(), compacted)
	}
}

// dataDirs are the members' directories as revision and --seen-data-dir take them.
func dataDirs(c *etcdtest.Cluster) []string {
	var dirs []string
	for _, m := range c.Members {
		dirs = append(dirs, strings.TrimSuffix(m.DataDir+","+m.WALDir, ","))
	}
	return dirs
}

// refuseBelow wants a bump refused that ends at a revision that was served.
func refuseBelow(t *testing.T, c *etcdtest.Cluster, file string, served int64) {
	t.Helper()
	args := []string{
		"restore", file, "--all-members", "--output-dir", filepath.Join(t.TempDir(), "no"), "--initial-cluster", c.InitialCluster(),
		"--mark-compacted", fmt.Sprint("--bump-revision=", served-revisionOf(t, file).Highest),
	}
	for _, dir := range dataDirs(c) {
		args = append(args, "--seen-data-dir", dir)
	}
	if got := command(t.Context(), nil, args...); got.code != 6 || !strings.Contains(got.err, "does not clear") {
		t.Errorf("a restore to %d: %+v", served, got)
	}
}
