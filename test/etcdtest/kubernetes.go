package etcdtest

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"math/rand/v2"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// KubernetesOptions sizes the data of LoadKubernetes. The zero value is a
// small cluster that loads in a second or two.
type KubernetesOptions struct {
	Nodes   int    // each with a lease that is renewed every round; 0: 5
	Pods    int    // each updated once a round; 0: 50
	Rounds  int    // of updates after the creation; 0: 3
	Compact bool   // compact at the revision the last round began with
	Seed    uint64 // of the values
}

// Kubernetes is what LoadKubernetes left behind.
type Kubernetes struct {
	Revision  int64 // after the last write
	Compacted int64 // 0: nothing was
	Writes    int
	Deleted   int
	Leases    []clientv3.LeaseID
}

// LoadKubernetes writes what API servers write: objects of several sizes below
// /registry, created and updated by transactions that compare the mod revision,
// some deleted again, and events and API-server endpoints that hang on leases.
func LoadKubernetes(ctx context.Context, client *clientv3.Client, opts KubernetesOptions) (*Kubernetes, error) {
	a := &apiserver{
		ctx:      ctx,
		client:   client,
		random:   rand.New(rand.NewPCG(opts.Seed, 1)),
		versions: make(map[string]int64),
	}
	nodes, pods, rounds := orDefault(opts.Nodes, 5), orDefault(opts.Pods, 50), orDefault(opts.Rounds, 3)
	a.create(nodes, pods)
	for round := range rounds {
		if opts.Compact && round == rounds-1 {
			a.compact()
		}
		a.update(nodes, pods, round)
	}
	return &a.result, a.err
}

// apiserver remembers the mod revision of what it wrote, as a watch cache
// does, and its first error, after which it writes nothing more.
type apiserver struct {
	ctx      context.Context
	client   *clientv3.Client
	random   *rand.Rand
	versions map[string]int64
	result   Kubernetes
	err      error
}

func (a *apiserver) create(nodes, pods int) {
	for _, name := range []string{"default", "kube-system", "kube-node-lease", "shop"} {
		a.put("/registry/namespaces/"+name, 300, 0)
	}
	for i := range nodes {
		a.put(fmt.Sprintf("/registry/minions/node-%d", i), 6<<10, 0)
	}
	a.put("/registry/configmaps/shop/catalogue", 96<<10, 0)
	a.put("/registry/secrets/shop/tls", 4<<10, 0)
	a.put("/registry/services/specs/shop/web", 900, 0)
	a.put("/registry/masterleases/10.0.0.1", 60, a.grant(600))
	for i := range pods {
		a.put(pod(i), 2<<10, 0)
	}
}

// update is one round of a cluster's life: kubelets renew, pods change, one
// pod in ten is replaced and leaves an event behind.
func (a *apiserver) update(nodes, pods, round int) {
	for i := range nodes {
		a.put(fmt.Sprintf("/registry/leases/kube-node-lease/node-%d", i), 400, 0)
	}
	events := a.grant(3600)
	for i := range pods {
		if i%10 == round%10 {
			a.delete(pod(i))
			a.put(fmt.Sprintf("/registry/events/shop/web-%d.%d", i, round), 700, events)
		}
		a.put(pod(i), 2<<10+a.random.IntN(1<<10), 0)
	}
}

func pod(i int) string { return fmt.Sprintf("/registry/pods/shop/web-%d", i) }

// put creates or updates key under the condition that nobody else did.
func (a *apiserver) put(key string, size int, lease clientv3.LeaseID) {
	a.commit(key, clientv3.OpPut(key, a.value(size), clientv3.WithLease(lease)))
	a.versions[key] = a.result.Revision
}

func (a *apiserver) delete(key string) {
	a.commit(key, clientv3.OpDelete(key))
	delete(a.versions, key)
	a.result.Deleted++
}

func (a *apiserver) commit(key string, op clientv3.Op) {
	if a.err != nil {
		return
	}
	unchanged := clientv3.Compare(clientv3.ModRevision(key), "=", a.versions[key])
	resp, err := a.client.Txn(a.ctx).If(unchanged).Then(op).Commit()
	switch {
	case err != nil:
		a.err = fmt.Errorf("write %s: %w", key, err)
	case !resp.Succeeded:
		a.err = fmt.Errorf("write %s: somebody else changed it", key)
	default:
		a.result.Revision = resp.Header.Revision
		a.result.Writes++
	}
}

func (a *apiserver) grant(seconds int64) clientv3.LeaseID {
	if a.err != nil {
		return 0
	}
	resp, err := a.client.Grant(a.ctx, seconds)
	if err != nil {
		a.err = fmt.Errorf("grant a lease: %w", err)
		return 0
	}
	a.result.Leases = append(a.result.Leases, resp.ID)
	return resp.ID
}

func (a *apiserver) compact() {
	if a.err != nil {
		return
	}
	a.result.Compacted = a.result.Revision
	if _, err := a.client.Compact(a.ctx, a.result.Revision, clientv3.WithCompactPhysical()); err != nil {
		a.err = fmt.Errorf("compact at revision %d: %w", a.result.Revision, err)
	}
}

// value begins as an object that the API server stored does. Half of the rest
// compresses, as text would.
func (a *apiserver) value(size int) string {
	noise := make([]byte, size/2)
	for i := range noise {
		noise[i] = byte(a.random.Uint32())
	}
	return "k8s\x00" + hex.EncodeToString(noise)
}

func orDefault(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}

// Diff names the first key that differs between two states of a cluster, in
// value, revisions or lease; it is empty if they are equal.
func Diff(want, got []*mvccpb.KeyValue) string {
	for i, w := range want {
		if i >= len(got) || !bytes.Equal(w.Key, got[i].Key) {
			return fmt.Sprintf("%s is not where it was", w.Key)
		}
		if g := got[i]; !bytes.Equal(w.Value, g.Value) || w.ModRevision != g.ModRevision ||
			w.CreateRevision != g.CreateRevision || w.Version != g.Version || w.Lease != g.Lease {
			return fmt.Sprintf("%s changed: mod revision %d, was %d", w.Key, g.ModRevision, w.ModRevision)
		}
	}
	if len(got) > len(want) {
		return fmt.Sprintf("%s is new", got[len(want)].Key)
	}
	return ""
}
