package apiserver_test

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// masters are entries of API servers in a real etcd.
func masters(t *testing.T) *clientv3.Client {
	t.Helper()
	cluster := etcdtest.New(t, etcdtest.Config{Version: etcdtest.V37})
	cluster.Start(t)
	return cluster.Client(t)
}

func put(t *testing.T, etcd *clientv3.Client, key string, opts ...clientv3.OpOption) {
	t.Helper()
	if _, err := etcd.Put(t.Context(), key, "x", opts...); err != nil {
		t.Fatal(err)
	}
}

func keys(t *testing.T, etcd *clientv3.Client) []string {
	t.Helper()
	resp, err := etcd.Get(t.Context(), "/", clientv3.WithPrefix(), clientv3.WithKeysOnly())
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, kv := range resp.Kvs {
		found = append(found, string(kv.Key))
	}
	return found
}

func TestRemoveOrphans(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	var s service
	api := a.start(t, &s)
	s.set(sliceOf(addrPort(api))...)
	own := netip.MustParseAddrPort(addrPort(api))
	hanging, err := net.Listen("tcp", netip.AddrPortFrom(netip.MustParseAddr("127.0.0.2"), own.Port()).String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { hanging.Close() })

	etcd := masters(t)
	lease, err := etcd.Grant(t.Context(), 3600)
	if err != nil {
		t.Fatal(err)
	}
	const folder = "/registry/masterleases/"
	put(t, etcd, folder+own.Addr().String())                       // it answers
	put(t, etcd, folder+"127.0.0.2")                               // it hangs
	put(t, etcd, folder+"127.0.0.3")                               // it is gone
	put(t, etcd, folder+"127.0.0.4", clientv3.WithLease(lease.ID)) // it is gone, and will expire
	put(t, etcd, folder+"nonsense")                                // not of an API server
	put(t, etcd, folder+"::ffff:127.0.0.5%1")                      // neither
	put(t, etcd, "/registry/masterleases-not/127.0.0.3")           // of somebody else
	put(t, etcd, "/other/masterleases/127.0.0.3")                  // of another cluster
	before := keys(t, etcd)

	c := dialTo(t, a.kubeconfig(t, api.URL), quick())
	removed, err := c.RemoveOrphans(t.Context(), etcd, "/registry")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"127.0.0.3"}, texts(removed)); diff != "" {
		t.Error(diff)
	}
	want := slices.DeleteFunc(before, func(key string) bool { return key == folder+"127.0.0.3" })
	if diff := cmp.Diff(want, keys(t, etcd)); diff != "" {
		t.Error(diff)
	}
	if removed, err := c.RemoveOrphans(t.Context(), etcd, "registry/"); err != nil || len(removed) != 0 {
		t.Errorf("again: %v, %v", removed, err)
	}
}

func texts(ips []netip.Addr) []string {
	var found []string
	for _, ip := range ips {
		found = append(found, ip.String())
	}
	return found
}

// lost is an etcd that has lost all its leases, and in which somebody is faster.
type lost struct {
	*clientv3.Client
	meanwhile func()
}

func (l lost) TimeToLive(ctx context.Context, id clientv3.LeaseID, opts ...clientv3.LeaseOption) (*clientv3.LeaseTimeToLiveResponse, error) {
	return l.Client.TimeToLive(ctx, id+1, opts...)
}

func (l lost) Txn(ctx context.Context) clientv3.Txn {
	l.meanwhile()
	return l.Client.Txn(ctx)
}

func TestRemoveOrphansWithLostLease(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	var s service
	api := a.start(t, &s)
	s.set()
	c := dialTo(t, a.kubeconfig(t, api.URL), quick())

	etcd := masters(t)
	lease, err := etcd.Grant(t.Context(), 3600)
	if err != nil {
		t.Fatal(err)
	}
	const key = "/registry/masterleases/127.0.0.3"
	put(t, etcd, key, clientv3.WithLease(lease.ID))
	removed, err := c.RemoveOrphans(t.Context(), lost{etcd, func() { put(t, etcd, key) }}, "/registry")
	if err != nil || len(removed) != 0 || len(keys(t, etcd)) != 1 {
		t.Errorf("removed though renewed meanwhile: %v, %v, %v", removed, err, keys(t, etcd))
	}
	removed, err = c.RemoveOrphans(t.Context(), lost{etcd, func() {}}, "/registry")
	if err != nil || len(removed) != 1 || len(keys(t, etcd)) != 0 {
		t.Errorf("not removed: %v, %v, %v", removed, err, keys(t, etcd))
	}
}

func TestRemoveOrphansFails(t *testing.T) {
	t.Parallel()
	etcd := masters(t)
	put(t, etcd, "/registry/masterleases/127.0.0.3")
	// Who cannot ask where API servers are removes none.
	if removed, err := dial(t, &store{}).RemoveOrphans(t.Context(), etcd, "/registry"); err == nil || len(removed) != 0 {
		t.Errorf("got %v, %v", removed, err)
	}
	if got := keys(t, etcd); len(got) != 1 {
		t.Errorf("left are %v", got)
	}
}
