package etcdtest

import (
	"bytes"
	"cmp"
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

// Kubernetes is the state of a control plane that writes into an etcd. It
// remembers the mod revision of everything it wrote, as a watch cache does.
type Kubernetes struct {
	Revision  int64 // after the last write
	Compacted int64 // 0: nothing was
	Writes    int
	Deleted   int
	Leases    []clientv3.LeaseID

	client   *clientv3.Client
	opts     KubernetesOptions
	random   *rand.Rand
	versions map[string]int64
	round    int
	err      error // the first one, after which nothing more is written
}

// LoadKubernetes writes what API servers write: objects of several sizes below
// /registry, created and updated by transactions that compare the mod revision,
// some deleted again, and events and API-server endpoints that hang on leases.
func LoadKubernetes(ctx context.Context, client *clientv3.Client, opts KubernetesOptions) (*Kubernetes, error) {
	opts.Nodes = cmp.Or(opts.Nodes, 5)
	opts.Pods = cmp.Or(opts.Pods, 50)
	opts.Rounds = cmp.Or(opts.Rounds, 3)
	k := &Kubernetes{
		client:   client,
		opts:     opts,
		random:   rand.New(rand.NewPCG(opts.Seed, 1)),
		versions: make(map[string]int64),
	}
	k.create(ctx)
	for round := range opts.Rounds {
		if opts.Compact && round == opts.Rounds-1 {
			k.compact(ctx)
		}
		k.update(ctx)
	}
	return k, k.err
}

// Churn goes on for some more rounds of updates.
func (k *Kubernetes) Churn(ctx context.Context, rounds int) error {
	for range rounds {
		k.update(ctx)
	}
	return k.err
}

func (k *Kubernetes) create(ctx context.Context) {
	for _, name := range []string{"default", "kube-system", "kube-node-lease", "shop"} {
		k.put(ctx, "/registry/namespaces/"+name, 300, 0)
	}
	for i := range k.opts.Nodes {
		k.put(ctx, fmt.Sprintf("/registry/minions/node-%d", i), 6<<10, 0)
	}
	k.put(ctx, "/registry/configmaps/shop/catalogue", 96<<10, 0)
	k.put(ctx, "/registry/secrets/shop/tls", 4<<10, 0)
	k.put(ctx, "/registry/services/specs/shop/web", 900, 0)
	k.put(ctx, "/registry/masterleases/10.0.0.1", 60, k.grant(ctx, 600))
	for i := range k.opts.Pods {
		k.put(ctx, pod(i), 2<<10, 0)
	}
}

// update is one round of a cluster's life: kubelets renew, pods change, one
// pod in ten is replaced and leaves an event behind.
func (k *Kubernetes) update(ctx context.Context) {
	for i := range k.opts.Nodes {
		k.put(ctx, fmt.Sprintf("/registry/leases/kube-node-lease/node-%d", i), 400, 0)
	}
	events := k.grant(ctx, 3600)
	for i := range k.opts.Pods {
		if i%10 == k.round%10 {
			k.delete(ctx, pod(i))
			k.put(ctx, fmt.Sprintf("/registry/events/shop/web-%d.%d", i, k.round), 700, events)
		}
		k.put(ctx, pod(i), 2<<10+k.random.IntN(1<<10), 0)
	}
	k.round++
}

func pod(i int) string { return fmt.Sprintf("/registry/pods/shop/web-%d", i) }

// put creates or updates key under the condition that nobody else did.
func (k *Kubernetes) put(ctx context.Context, key string, size int, lease clientv3.LeaseID) {
	k.commit(ctx, key, clientv3.OpPut(key, k.value(size), clientv3.WithLease(lease)))
	k.versions[key] = k.Revision
}

func (k *Kubernetes) delete(ctx context.Context, key string) {
	k.commit(ctx, key, clientv3.OpDelete(key))
	delete(k.versions, key)
	k.Deleted++
}

func (k *Kubernetes) commit(ctx context.Context, key string, op clientv3.Op) {
	if k.err != nil {
		return
	}
	unchanged := clientv3.Compare(clientv3.ModRevision(key), "=", k.versions[key])
	resp, err := k.client.Txn(ctx).If(unchanged).Then(op).Commit()
	switch {
	case err != nil:
		k.err = fmt.Errorf("write %s: %w", key, err)
	case !resp.Succeeded:
		k.err = fmt.Errorf("write %s: somebody else changed it", key)
	default:
		k.Revision = resp.Header.Revision
		k.Writes++
	}
}

func (k *Kubernetes) grant(ctx context.Context, seconds int64) clientv3.LeaseID {
	if k.err != nil {
		return 0
	}
	resp, err := k.client.Grant(ctx, seconds)
	if err != nil {
		k.err = fmt.Errorf("grant a lease: %w", err)
		return 0
	}
	k.Leases = append(k.Leases, resp.ID)
	return resp.ID
}

func (k *Kubernetes) compact(ctx context.Context) {
	if k.err != nil {
		return
	}
	k.Compacted = k.Revision
	if _, err := k.client.Compact(ctx, k.Revision, clientv3.WithCompactPhysical()); err != nil {
		k.err = fmt.Errorf("compact at revision %d: %w", k.Revision, err)
	}
}

// value begins as an object that the API server stored does. Half of the rest
// compresses, as text would.
func (k *Kubernetes) value(size int) string {
	noise := make([]byte, size/2)
	for i := range noise {
		noise[i] = byte(k.random.Uint32())
	}
	return "k8s\x00" + hex.EncodeToString(noise)
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
