package noderestore

import (
	"context"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/controlplane"
	"github.com/etcd-restore/etcd-restore/pkg/cri"
	"github.com/etcd-restore/etcd-restore/pkg/etcdclient"
	"github.com/etcd-restore/etcd-restore/pkg/journal"
	"github.com/etcd-restore/etcd-restore/pkg/rendezvous"
	"github.com/etcd-restore/etcd-restore/pkg/workflow"
	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// party are the nodes of a new cluster, each with a run of its own and a real etcd,
// which a kubelet of a few lines runs as long as its manifest is in the folder.
type party struct {
	cluster *etcdtest.Cluster
	nodes   []*guest
}

type guest struct {
	*machine
	t      *testing.T
	member *etcdtest.Member
	folder *journal.Folder

	mu sync.Mutex
}

// newParty is one whose new cluster serves. No manifest is in a folder yet.
func newParty(t *testing.T, size int) *party {
	t.Helper()
	certs := etcdtest.NewTLS(t)
	p := &party{cluster: etcdtest.New(t, etcdtest.Config{Version: etcdtest.V37, Size: size, Token: "the new one", TLS: certs})}
	p.cluster.Start(t)
	d := Decision{ID: id, Token: "the new one", InitialCluster: p.cluster.InitialCluster()}
	cluster, err := d.Cluster()
	must(t, err)
	d.ClusterID = hexID(cluster.ID)
	told := map[string]string{}
	for _, e := range p.cluster.Members {
		told[e.Name] = e.ClientURL
	}
	for _, e := range p.cluster.Members {
		dir := t.TempDir()
		part := Part{Member: e.Name, Mode: ModeSwap, OldData: e.DataDir, NewData: filepath.Join(dir, "new"), Folder: filepath.Join(dir, "manifests"), Parked: filepath.Join(dir, "parked")}
		must(t, errors.Join(os.Mkdir(part.Folder, 0o700), os.Mkdir(part.Parked, 0o700)))
		for _, name := range components() {
			part.Manifests = append(part.Manifests, Manifest{Component: name, File: name + ".yaml", Namespace: "kube-system", Pod: name})
			must(t, os.WriteFile(filepath.Join(part.Parked, name+".yaml"), nil, 0o600))
		}
		plan := &Plan{APIVersion: APIVersion, Kind: Kind, Decision: d, Node: part}
		text, err := plan.Encode()
		must(t, err)
		g := &guest{machine: bare(plan), t: t, member: e}
		g.folder, err = journal.Open(filepath.Join(dir, "runs"), journal.Options{})
		must(t, err)
		t.Cleanup(g.folder.Close)
		g.run, err = g.folder.Create(text)
		must(t, err)
		t.Cleanup(g.run.Close)
		peer, err := url.Parse(e.PeerURL)
		must(t, err)
		g.place = func() (string, rendezvous.Files, error) {
			return peer.Host, rendezvous.Files{Cert: certs.Cert("peer"), Key: certs.Key("peer"), CA: certs.CA()}, nil
		}
		for name, url := range told {
			g.told[name] = url
		}
		g.etcd = etcdclient.Config{
			Endpoints: []string{e.ClientURL}, CAFile: certs.CA(), CertFile: certs.Cert("peer"), KeyFile: certs.Key("peer"),
			DialTimeout: time.Second, RequestTimeout: 5 * time.Second,
		}
		g.new.Runtime = g
		p.nodes = append(p.nodes, g)
	}
	return p
}

// stopped is a party before the meeting: its new data are there, and no etcd runs.
func stoppedParty(t *testing.T) *party {
	t.Helper()
	p := newParty(t, 3)
	p.cluster.Kill(t)
	for _, g := range p.nodes {
		g.etcd.RequestTimeout = time.Second
	}
	return p
}

// Pods is the kubelet as well: what is in the folder runs.
func (g *guest) Pods(context.Context, cri.Filter) ([]cri.Pod, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	in := isThere(filepath.Join(g.part.Folder, "etcd.yaml"))
	if in && !g.member.Running() {
		g.member.Start(g.t)
	}
	if !g.member.Running() {
		return nil, nil
	}
	return etcdPod(cri.Container{State: cri.Running}).pods, nil
}

func (g *guest) Stop(context.Context, cri.Pod, time.Duration) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.member.Running() {
		g.member.Kill(g.t)
	}
	return nil
}

func (g *guest) Remove(context.Context, cri.Pod) error { return nil }

// phases are those of a run from the meeting to the commit point. The way back ends with
// the word to the others, and starts no old etcd.
func (g *guest) phases() []workflow.Phase {
	return []workflow.Phase{
		g.heeding(workflow.Phase{Name: "stop", Steps: []workflow.Step{
			{Name: "manifests", Do: func(context.Context) error { return nil }, Undo: func(ctx context.Context) error { g.tellOthers(ctx); return nil }},
			{Name: "others", Do: g.meet, MayUndo: g.retreat},
		}}),
		g.heeding(workflow.Phase{Name: "start", Steps: []workflow.Step{
			{Name: "etcd", Do: g.startEtcd, Done: g.serves, MayUndo: g.settle, Undo: g.stopEtcd},
			{Name: "commit", Do: g.commitServed, Done: g.committed, Commit: true},
		}}),
	}
}

// goes is a run, from where it stands.
func (g *guest) goes(ctx context.Context) error {
	return workflow.Run(ctx, g.run, g.phases(), workflow.Options{})
}

// again is the node after a crash: another process, with what the journal tells.
func (g *guest) again(t *testing.T) {
	t.Helper()
	g.run.Close()
	run, err := g.folder.Resume(g.run.Name)
	must(t, err)
	t.Cleanup(run.Close)
	g.run, g.announced, g.goneBack, g.resumedBack = run, false, map[string]bool{}, run.State().GoingBack
}

// dies ends its etcd, as a power cut does, and takes its manifest out of the kubelet's
// sight until the node boots.
func (g *guest) dies(t *testing.T) {
	t.Helper()
	must(t, g.new.TakeOut(g.part.pod(controlplane.Etcd)))
	must(t, g.Stop(t.Context(), cri.Pod{}, 0))
}

// all lets nodes do something at the same time.
func all(nodes []*guest, do func(*guest) error) []error {
	errs := make([]error, len(nodes))
	var doing sync.WaitGroup
	for i, g := range nodes {
		doing.Go(func() { errs[i] = do(g) })
	}
	doing.Wait()
	return errs
}

func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}
