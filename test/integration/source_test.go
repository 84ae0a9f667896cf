package integration

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// source is a snapshot of a real server and what that server said it holds.
type source struct {
	file      string
	dataDir   string // of the server, which was stopped after the snapshot
	revision  int64
	compacted int64
	hash      uint32 // HashKV at revision

	now     []*mvccpb.KeyValue // at revision
	middle  int64              // a revision between compacted and revision
	earlier []*mvccpb.KeyValue // at the revision middle
	leases  []lease
}

// lease is what survives of a lease: its time starts anew.
type lease struct {
	id      clientv3.LeaseID
	granted int64
	keys    []string
}

// newSources prepares one snapshot of each version, taken when first asked for.
func newSources(dir string) map[etcdtest.Version]func() (*source, error) {
	sources := make(map[etcdtest.Version]func() (*source, error))
	for _, v := range etcdtest.Servers() {
		sources[v] = sync.OnceValues(func() (s *source, err error) {
			logf := func(format string, args ...any) { fmt.Printf(format+"\n", args...) }
			err = etcdtest.Run(context.Background(), logf, func(t etcdtest.T) {
				s = newSource(t, v, filepath.Join(dir, string(v)))
			})
			return s, err
		})
	}
	return sources
}

// sourceOf returns the snapshot of version v. It skips the test where this
// machine has no such server.
func sourceOf(t *testing.T, v etcdtest.Version) *source {
	t.Helper()
	etcdtest.Binary(t, v, "etcd")
	s, err := shared.sources[v]()
	if err != nil {
		t.Fatalf("snapshot of etcd %s: %v", v, err)
	}
	return s
}

func newSource(t etcdtest.T, v etcdtest.Version, path string) *source {
	s := &source{file: path + ".db", dataDir: path + ".etcd"}
	c := etcdtest.New(t, etcdtest.Config{Version: v})
	c.Members[0].DataDir = s.dataDir
	c.Start(t)
	client := c.Client(t)
	load, err := etcdtest.LoadKubernetes(t.Context(), client, etcdtest.KubernetesOptions{Nodes: 3, Pods: 20, Rounds: 3, Compact: true})
	if err != nil {
		t.Fatalf("%v", err)
	}
	s.compacted = load.Compacted
	s.middle = loadOthers(t, client)
	s.ask(t, c, client)
	if got := command(t.Context(), nil, "save", s.file, "--endpoints", c.Members[0].ClientURL, "--progress", "none"); got.code != 0 {
		t.Fatalf("save: %+v", got)
	}
	c.Stop(t)
	return s
}

// loadOthers writes what a Kubernetes control plane does not: keys elsewhere,
// binary and empty ones, several changes in one transaction, one lease for many
// keys, keys that come back. The last change is a delete, so that the highest
// revision belongs to no key. It returns a revision on the way.
func loadOthers(t etcdtest.T, client *clientv3.Client) (middle int64) {
	do := func(ops ...clientv3.Op) int64 {
		resp, err := client.Txn(t.Context()).Then(ops...).Commit()
		if err != nil {
			t.Fatalf("transaction: %v", err)
		}
		return resp.Header.Revision
	}
	granted, err := client.Grant(t.Context(), 5000)
	if err != nil {
		t.Fatalf("grant: %v", err)
	}
	leased := clientv3.WithLease(granted.ID)
	do(clientv3.OpPut("app/a", "1"), clientv3.OpPut("app/b", "1", leased), clientv3.OpPut("app/c", "1"))
	do(clientv3.OpPut("\x00\xff binary", "\x00\x01\x02"), clientv3.OpPut("empty", ""))
	do(clientv3.OpDelete("app/a"), clientv3.OpPut("app/b", "2", leased), clientv3.OpPut("other", "1", leased))
	middle = do(clientv3.OpPut("app/a", "back again"))
	for i := range 20 {
		do(clientv3.OpPut("app/counter", fmt.Sprint(i)), clientv3.OpPut(fmt.Sprintf("tmp/%d", i), "x"))
	}
	do(clientv3.OpDelete("tmp/", clientv3.WithPrefix()), clientv3.OpPut("app/c", "2"), clientv3.OpDelete("app/a"))
	return middle
}

// ask records what the server says.
func (s *source) ask(t etcdtest.T, c *etcdtest.Cluster, client *clientv3.Client) {
	s.revision = c.Members[0].Revision(t)
	s.now, s.earlier = c.Keys(t, s.revision), c.Keys(t, s.middle)
	s.leases = leasesOf(t, client)
	s.hash = c.HashKV(t, s.revision)[c.Members[0].Name]
	if len(s.leases) < 4 || len(s.now) < 20 || etcdtest.Diff(s.earlier, s.now) == "" {
		t.Fatalf("the snapshot proves little: %d leases, %d keys", len(s.leases), len(s.now))
	}
}

// leasesOf lists all leases with their keys.
func leasesOf(t etcdtest.T, client *clientv3.Client) []lease {
	list, err := client.Leases(t.Context())
	if err != nil {
		t.Fatalf("leases: %v", err)
	}
	var leases []lease
	for _, l := range list.Leases {
		ttl, err := client.TimeToLive(t.Context(), l.ID, clientv3.WithAttachedKeys())
		if err != nil {
			t.Fatalf("lease %x: %v", l.ID, err)
		}
		one := lease{id: l.ID, granted: ttl.GrantedTTL}
		for _, k := range ttl.Keys {
			one.keys = append(one.keys, string(k))
		}
		slices.Sort(one.keys)
		leases = append(leases, one)
	}
	slices.SortFunc(leases, func(a, b lease) int { return cmp.Compare(a.id, b.id) })
	return leases
}
