package proof

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/apiserver"
	"github.com/etcd-restore/etcd-restore/pkg/etcdclient"
	"github.com/etcd-restore/etcd-restore/pkg/kubeadm"
	"github.com/etcd-restore/etcd-restore/pkg/node"
)

// Request says what to gather.
type Request struct {
	Facts       *node.Facts
	Node        kubeadm.Node
	Run         string   // name or decision of a run; "" is the newest that was carried out
	Kubeconfigs []string // with credentials for the API server; none are kubeadm's
	// HashRevision is what this member is hashed at, after all nodes were asked for theirs.
	// 0 is no hash.
	HashRevision int64
	// Alone hashes all members from here, at a revision that all have.
	Alone bool
}

// Selector finds the pods that are ours.
const Selector = "app.kubernetes.io/name=etcd-restore"

// Gather asks everything on this node, all at once. It fails if there is no such run;
// all else that is in the way is told in the facts.
func Gather(ctx context.Context, r Request) (Facts, error) {
	f := Facts{
		Node: cmp.Or(r.Facts.Etcd.Name, r.Facts.Hostname), Time: time.Now().UTC(),
		Hashes: []Hash{}, Open: []string{},
		Files: filesOf(r.Facts),
	}
	if err := f.history(r); err != nil {
		return f, err
	}
	if r.Facts.Etcd.Err == nil && r.Facts.Etcd.StorageErr == nil {
		f.DataDir = r.Facts.Etcd.Storage.Data.HostPath()
	}
	var parts sync.WaitGroup
	parts.Go(func() { f.Etcd, f.Hashes = gatherEtcd(ctx, r, f.Run) })
	parts.Go(func() { f.API = gatherAPI(ctx, r, f.Run) })
	parts.Wait()
	if f.Rejoin != nil && f.Rejoin.ClusterID == f.Etcd.ClusterID {
		f.Rejoin.MemberID = f.Etcd.MemberID
	}
	return f, ctx.Err()
}

func gatherEtcd(ctx context.Context, r Request, run *Run) (Etcd, []Hash) {
	e, hashes := Etcd{Alarms: []string{}, Members: []Member{}}, []Hash{}
	client, endpoint, err := dialEtcd(ctx, r)
	if err != nil {
		e.Error = err.Error()
		return e, hashes
	}
	defer client.Close()
	s := client.Members(ctx)[0]
	if s.Err != nil {
		e.Error = s.Err.Error()
		return e, hashes
	}
	e.MemberID, e.ClusterID, e.Leader = hexID(s.MemberID), hexID(s.ClusterID), hexID(s.Leader)
	e.Term, e.RaftIndex, e.Revision, e.Learner = s.Term, s.RaftIndex, s.Revision, s.Learner
	e.Alarms = append(e.Alarms, s.Alarms...)
	members, err := client.MemberList(ctx, endpoint)
	e.MembersError = message(err)
	for _, m := range members {
		e.Members = append(e.Members, Member{hexID(m.ID), m.Name, some(m.PeerURLs), some(m.ClientURLs), m.Learner})
	}
	if run != nil && run.Highest > 0 {
		e.Compacted, err = client.Compacted(ctx, endpoint, run.Highest)
		e.CompactedError = message(err)
	}
	switch {
	case r.HashRevision > 0:
		hashes = append(hashes, hashOf(ctx, client, endpoint, e.MemberID, r.HashRevision))
	case r.Alone:
		hashes = hashAll(ctx, r, e)
	}
	return e, hashes
}

func dialEtcd(ctx context.Context, r Request, endpoints ...string) (*etcdclient.Client, string, error) {
	cfg, err := r.Facts.EtcdClient(r.Node)
	if err != nil {
		return nil, "", err
	}
	if len(endpoints) > 0 {
		cfg.Endpoints = endpoints
	}
	client, err := etcdclient.Dial(ctx, cfg)
	return client, cfg.Endpoints[0], err
}

func hashOf(ctx context.Context, client *etcdclient.Client, endpoint, member string, revision int64) Hash {
	h, err := client.HashKV(ctx, endpoint, revision)
	return Hash{member, revision, h.CompactRevision, h.Hash, message(err)}
}

// hashAll asks every member at its client URL, all at once and at the lowest revision
// that one of them has reached.
func hashAll(ctx context.Context, r Request, e Etcd) []Hash {
	var endpoints []string
	var members []Member
	for _, m := range e.Members {
		if len(m.Clients) > 0 && !m.Learner {
			endpoints, members = append(endpoints, m.Clients[0]), append(members, m)
		}
	}
	if len(endpoints) == 0 {
		return nil
	}
	hashes := make([]Hash, len(endpoints))
	client, _, err := dialEtcd(ctx, r, endpoints...)
	if err != nil {
		return []Hash{{Member: e.MemberID, Error: err.Error()}}
	}
	defer client.Close()
	lowest := e.Revision
	states := client.Members(ctx)
	for _, s := range states {
		if s.Err == nil {
			lowest = min(lowest, s.Revision)
		}
	}
	var asking sync.WaitGroup
	for i, s := range states {
		if s.Err != nil {
			hashes[i] = Hash{Member: members[i].ID, Error: s.Err.Error()}
			continue
		}
		asking.Go(func() { hashes[i] = hashOf(ctx, client, s.Endpoint, members[i].ID, lowest) })
	}
	asking.Wait()
	return hashes
}

func gatherAPI(ctx context.Context, r Request, run *Run) API {
	a := API{Controllers: []apiserver.Lease{}, Kubelets: []apiserver.Lease{}, Nodes: []apiserver.Node{}, Helpers: []apiserver.Pod{}}
	client, err := dialAPI(ctx, r, &a)
	if err != nil {
		a.Error = err.Error()
		return a
	}
	defer client.Close()
	a.Revision, err = client.Revision(ctx)
	a.RevisionError = message(err)
	if run != nil && run.Highest > 0 {
		err = client.Canary(ctx, run.Highest)
		a.Expired, a.ExpiredError = err == nil, message(err)
	}
	a.Controllers, err = client.Controllers(ctx)
	a.ControllersError = message(err)
	a.Nodes, err = client.Nodes(ctx)
	if err == nil {
		a.Kubelets, err = client.NodeLeases(ctx)
	}
	a.NodesError = message(err)
	a.Helpers, err = client.Labelled(ctx, Selector)
	a.HelpersError = message(err)
	a.DataDir, err = client.DataDir(ctx)
	if a.NoConfig = errors.Is(err, apiserver.ErrNoConfig); !a.NoConfig {
		a.DataDirError = message(err)
	}
	return a
}

// unready is how long an API server has to be unready to be called so. The kubelet
// gives it about as long.
const unready = 15 * time.Second

// dialAPI finds credentials with which the node's own API server says that it is ready.
func dialAPI(ctx context.Context, r Request, a *API) (*apiserver.Client, error) {
	if r.Facts.Manifests.Err != nil {
		return nil, r.Facts.Manifests.Err
	}
	file, err := r.Facts.Manifests.Folder.Component("kube-apiserver")
	if err != nil {
		return nil, err
	}
	if a.Server, err = apiserver.LocalServer(file.Manifest); err != nil {
		return nil, err
	}
	kubeconfigs := r.Kubeconfigs
	if len(kubeconfigs) == 0 {
		kubeconfigs = r.Node.AdminConfigs()
	}
	first := error(nil)
	for _, kubeconfig := range kubeconfigs {
		client, err := apiserver.Dial(kubeconfig, apiserver.Options{Server: a.Server})
		if err == nil {
			if err = client.ReadyWithin(ctx, unready); err == nil {
				return client, nil
			}
			client.Close()
		}
		if first == nil { // the others are there in case it may not
			first = err
		}
		if !errors.Is(err, apiserver.ErrForbidden) && !errors.Is(err, apiserver.ErrCredentials) {
			break
		}
	}
	return nil, first
}

// LowestRevision is what all members that answer can be hashed at.
func LowestRevision(facts []Facts) int64 {
	lowest := int64(0)
	for _, f := range facts {
		if f.Error == "" && f.Etcd.Error == "" && (lowest == 0 || f.Etcd.Revision < lowest) {
			lowest = f.Etcd.Revision
		}
	}
	return lowest
}

// TakeHashes puts the hashes of a later round, by the same nodes, to the facts.
func TakeHashes(facts, later []Facts) {
	for i := range facts {
		at := slices.IndexFunc(later, func(f Facts) bool { return f.Node == facts[i].Node })
		if at >= 0 {
			facts[i].Hashes = later[at].Hashes
		}
	}
}

func hexID(id uint64) string {
	if id == 0 {
		return ""
	}
	return fmt.Sprintf("%x", id)
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// some is never null in JSON.
func some(s []string) []string { return append([]string{}, s...) }
