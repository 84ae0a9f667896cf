//go:build e2e

package e2e_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/etcd-restore/etcd-restore/pkg/apiserver"
	"github.com/etcd-restore/etcd-restore/pkg/staticpod"
	"github.com/etcd-restore/etcd-restore/test/e2e/lab"
)

// apiLab is a cluster of one node that is restored by hand.
type apiLab struct{ *lab.Lab }

// run runs a script on this machine with the lab's programs on PATH.
func (l apiLab) run(t *testing.T, script string) string {
	t.Helper()
	return l.Host(t, 5*time.Minute, `lab=$0 disk=$1/nodes/cp1; eval "$($lab env)"; `+script)
}

func (l apiLab) disk(path string) string { return filepath.Join(l.Dir(), "nodes/cp1", path) }

func newAPILab(t *testing.T) apiLab {
	t.Helper()
	t.Parallel()
	return apiLab{lab.Up(t, lab.Options{})}
}

// dial is a client of the node's own API server.
func (l apiLab) dial(t *testing.T) *apiserver.Client {
	t.Helper()
	text, err := os.ReadFile(l.disk("etc-kubernetes/manifests/kube-apiserver.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := staticpod.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	server, err := apiserver.LocalServer(m)
	if err != nil {
		t.Fatal(err)
	}
	kubeconfig := l.disk("etc-kubernetes/admin.conf")
	if balancer, err := apiserver.ServerOf(kubeconfig); err != nil || balancer == server {
		t.Errorf("the kubeconfig names %s, %v; the node's own API server is %s", balancer, err, server)
	}
	c, err := apiserver.Dial(kubeconfig, apiserver.Options{Server: server})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// etcd is a client of the node's etcd, wherever it is now.
func (l apiLab) etcd(t *testing.T, c *apiserver.Client) *clientv3.Client {
	t.Helper()
	pki := l.disk("etc-kubernetes/pki/etcd/")
	pair, err := tls.LoadX509KeyPair(pki+"/healthcheck-client.crt", pki+"/healthcheck-client.key")
	if err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile(pki + "/ca.crt")
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	etcd, err := clientv3.New(clientv3.Config{
		Endpoints:   []string{strings.Replace(c.Server(), "6443", "2379", 1)},
		TLS:         &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: roots},
		DialTimeout: 5 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { etcd.Close() })
	return etcd
}

// until asks again and again, for two minutes at most.
func until(t *testing.T, ask func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ask(ctx)
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatal(err)
		case <-tick.C:
		}
	}
}

// endpoints demands where the kubernetes Service leads.
func endpoints(c *apiserver.Client, want ...netip.Addr) func(context.Context) error {
	return func(ctx context.Context) error {
		addresses, err := c.Endpoints(ctx)
		if err != nil {
			return err
		}
		var got []netip.Addr
		for _, address := range addresses {
			got = append(got, address.Addr())
		}
		if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
			return errors.New(diff)
		}
		return nil
	}
}

// TestAPIServer restores the etcd below an API server and looks at what it says.
func TestAPIServer(t *testing.T) {
	l := newAPILab(t)
	c := l.dial(t)
	until(t, c.Ready)
	own, err := netip.ParseAddrPort(strings.TrimPrefix(c.Server(), "https://"))
	if err != nil {
		t.Fatal(err)
	}
	until(t, endpoints(c, own.Addr()))
	if err := c.WaitEndpoints(t.Context()); err != nil {
		t.Error(err)
	}

	old := oldRevision(t, c)
	t.Run("API server alone is new", func(t *testing.T) {
		l.run(t, `$lab exec cp1 pkill -KILL -x kube-apiserver`)
		until(t, func(ctx context.Context) error {
			if c.Ready(ctx) == nil {
				return errors.New("the API server still answers")
			}
			return nil
		})
		until(t, c.Ready)
		out := l.run(t, fmt.Sprintf(`kubectl --server %s get --raw '/api/v1/namespaces/kube-system/configmaps?watch=1&timeoutSeconds=5&resourceVersion=%d' 2>&1 || true`, c.Server(), old))
		if !strings.Contains(out, "too old resource version") {
			t.Errorf("a watch is told %q: then it would do for a proof", out)
		}
		if err := c.Canary(t.Context(), old); !errors.Is(err, apiserver.ErrNotCompacted) {
			t.Errorf("got %v", err)
		}
	})

	leased, orphan := own.Addr().Next().Next(), own.Addr().Next()
	etcd := l.etcd(t, c)
	masterlease(t, etcd, leased, true)
	masterlease(t, etcd, orphan, false)
	until(t, endpoints(c, own.Addr(), orphan, leased))
	l.snapshotAndRestore(t, func() { old = oldRevision(t, c) })
	began := time.Now()
	until(t, c.WaitReady)
	t.Logf("ready %v after its manifest was back", time.Since(began))

	t.Run("revision", func(t *testing.T) {
		if now, err := c.Revision(t.Context()); err != nil || now < old+1_000_000 {
			t.Errorf("it was %d and is %d, %v", old, now, err)
		}
		if err := c.Canary(t.Context(), old); err != nil {
			t.Error(err)
		}
	})
	t.Run("stale endpoints", func(t *testing.T) {
		until(t, endpoints(c, own.Addr(), orphan))
		t.Logf("the entry with a lease is gone after %v", time.Since(began))
		short, cancel := context.WithTimeout(t.Context(), 15*time.Second) // longer than API servers take to look again
		defer cancel()
		if err := c.WaitEndpoints(short); !errors.Is(err, apiserver.ErrStale) || !strings.Contains(err.Error(), orphan.String()) || strings.Contains(err.Error(), own.String()) {
			t.Errorf("got %v", err)
		}
		removed, err := c.RemoveOrphans(t.Context(), l.etcd(t, c), "/registry")
		if err != nil || len(removed) != 1 || removed[0] != orphan {
			t.Errorf("removed %v, %v", removed, err)
		}
		at := time.Now()
		until(t, c.WaitEndpoints)
		until(t, endpoints(c, own.Addr()))
		t.Logf("the orphan is gone %v after its removal", time.Since(at))
	})
	t.Run("directory", func(t *testing.T) {
		read := func() string {
			return l.run(t, `kubectl -n kube-system get configmap kubeadm-config -o jsonpath='{.data}'`)
		}
		before := read()
		if changed, err := c.SetDataDir(t.Context(), "/var/lib/etcd-2"); err != nil || !changed {
			t.Errorf("changed: %t, %v", changed, err)
		}
		want := strings.Replace(before, "dataDir: /var/lib/etcd", "dataDir: /var/lib/etcd-2", 1)
		if diff := cmp.Diff(want, read()); diff != "" || want == before {
			t.Errorf("-want +got\n%s", diff)
		}
		if changed, err := c.SetDataDir(t.Context(), "/var/lib/etcd-2"); err != nil || changed {
			t.Errorf("again: changed: %t, %v", changed, err)
		}
		if dir, err := c.DataDir(t.Context()); err != nil || dir != "/var/lib/etcd-2" {
			t.Errorf("got %q, %v", dir, err)
		}
	})
}

// oldRevision is one that the cluster has been at, and is past.
func oldRevision(t *testing.T, c *apiserver.Client) int64 {
	t.Helper()
	revision, err := c.Revision(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	until(t, func(ctx context.Context) error { // leases of nodes are renewed all the time
		if now, err := c.Revision(ctx); err != nil || now == revision {
			return fmt.Errorf("the revision stays %d: %w", revision, err)
		}
		return nil
	})
	if err := c.Canary(t.Context(), revision); !errors.Is(err, apiserver.ErrNotCompacted) {
		t.Errorf("before the restore: %v", err)
	}
	return revision
}

// masterlease writes the entry of an API server that does not exist.
func masterlease(t *testing.T, etcd *clientv3.Client, ip netip.Addr, leased bool) {
	t.Helper()
	var opts []clientv3.OpOption
	if leased {
		lease, err := etcd.Grant(t.Context(), 15)
		if err != nil {
			t.Fatal(err)
		}
		alive, err := etcd.KeepAlive(t.Context(), lease.ID) // until etcd is stopped
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			for range alive {
			}
		}()
		opts = append(opts, clientv3.WithLease(lease.ID))
	}
	const entry = `{"kind":"Endpoints","apiVersion":"v1","metadata":{"generation":1},"subsets":[{"addresses":[{"ip":%q}]}]}`
	if _, err := etcd.Put(t.Context(), "/registry/masterleases/"+ip.String(), fmt.Sprintf(entry, ip), opts...); err != nil {
		t.Fatal(err)
	}
}

// snapshotAndRestore does what the runbook says, with the revision raised. later is
// called between the snapshot and the end of the old cluster.
func (l apiLab) snapshotAndRestore(t *testing.T, later func()) {
	t.Helper()
	l.run(t, `pki=$disk/etc-kubernetes/pki/etcd ip=$(grep -oP -- '--advertise-client-urls=\K\S+' $disk/etc-kubernetes/manifests/etcd.yaml)
		etcdctl --endpoints $ip --cacert $pki/ca.crt --cert $pki/healthcheck-client.crt --key $pki/healthcheck-client.key snapshot save $disk/root/snap.db`)
	later()
	l.run(t, `mkdir $disk/etc-kubernetes/away; mv $disk/etc-kubernetes/manifests/*.yaml $disk/etc-kubernetes/away/
		$lab exec cp1 timeout 180 bash -c 'while pgrep -x etcd || pgrep -x kube-apiserver; do sleep 0.2; done >/dev/null'
		cluster=$(grep -oP -- '--initial-cluster=\K\S+' $disk/etc-kubernetes/away/etcd.yaml)
		etcdutl snapshot restore $disk/root/snap.db --data-dir $disk/var-lib/etcd-2 --name cp1 --initial-cluster $cluster \
			--initial-advertise-peer-urls ${cluster#cp1=} --initial-cluster-token api --bump-revision 1000000000 --mark-compacted
		sed -i 's|path: /var/lib/etcd$|path: /var/lib/etcd-2|' $disk/etc-kubernetes/away/etcd.yaml
		mv $disk/etc-kubernetes/away/*.yaml $disk/etc-kubernetes/manifests/`)
}
