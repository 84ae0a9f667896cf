package noderestore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/apiserver"
	"github.com/etcd-restore/etcd-restore/pkg/controlplane"
	"github.com/etcd-restore/etcd-restore/pkg/cri"
	"github.com/etcd-restore/etcd-restore/pkg/datadir"
	"github.com/etcd-restore/etcd-restore/pkg/etcdclient"
	"github.com/etcd-restore/etcd-restore/pkg/internal/durable"
	"github.com/etcd-restore/etcd-restore/pkg/journal"
	"github.com/etcd-restore/etcd-restore/pkg/kubeadm"
	"github.com/etcd-restore/etcd-restore/pkg/kubelet"
	"github.com/etcd-restore/etcd-restore/pkg/node"
	"github.com/etcd-restore/etcd-restore/pkg/rendezvous"
	"github.com/etcd-restore/etcd-restore/pkg/restore"
	"github.com/etcd-restore/etcd-restore/pkg/staticpod"
	"github.com/etcd-restore/etcd-restore/pkg/workflow"
)

// Options say how to work on a plan. They are not part of it: a run that is resumed
// may have others.
type Options struct {
	Snapshot string // "" is the path in the plan
	// Kubeconfigs have credentials for this node's API server, the first that may is
	// taken. None are kubeadm's for administrators.
	Kubeconfigs []string

	Grace      time.Duration // for a container to end by itself
	Timeout    time.Duration // for etcd, and for the API server, to serve
	Meet       time.Duration // for the other nodes to have stopped as well
	Straggler  time.Duration // for the rest of the members, once a quorum of the new cluster serves
	NoRollback bool          // leave a failed run where it stands
	Progress   Progress
	FS         durable.FS
}

// Progress is told what goes on. It may not be nil.
type Progress interface {
	workflow.Progress
	restore.Progress
}

// machine is this node at work on a plan.
type machine struct {
	Options
	plan *Plan
	part *Part
	run  *journal.Run

	runtime *cri.Runtime
	old     *controlplane.Node // its pods, with the manifests that were there
	new     *controlplane.Node // etcd, with the manifest that comes
	etcd    etcdclient.Config
	server  string // URL of the node's own API server
	prefix  string // of its keys in etcd

	place func() (address string, files rendezvous.Files, err error) // of the node's etcd for its peers

	told map[string]string // client URLs of the others, as their etcds have told

	telling, voting, turn time.Duration   // see the constants
	goneBack              map[string]bool // members that have said that they go back
	announced             bool            // that this node does, to all who can be reached
	resumedBack           bool            // this process found the run on its way back
}

// prepare finds on the node what a run needs to work with. Close the machine.
func prepare(run *journal.Run, o Options) (*machine, error) {
	plan, err := Decode(run.Plan())
	if err != nil {
		return nil, err
	}
	m := &machine{
		Options: o, plan: plan, part: &plan.Node, run: run,
		told: map[string]string{}, telling: telling, voting: voting, turn: turn, goneBack: map[string]bool{}, resumedBack: run.State().GoingBack,
	}
	host := kubeadm.Node{}
	config, err := host.Kubelet()
	if err != nil {
		return nil, err
	}
	endpoint := config.RuntimeEndpoint
	if endpoint == "" {
		endpoint = cri.DefaultEndpoint
	}
	if m.runtime, err = cri.Dial(endpoint); err != nil {
		return nil, err
	}
	m.place = m.peerAddress
	m.old = &controlplane.Node{
		Folder: m.part.Folder, Parked: m.part.Parked, Runtime: m.runtime, Grace: o.Grace, FS: o.FS,
		RestartKubelet: func(ctx context.Context) error { return kubelet.Restart(ctx, config.Healthz) },
	}
	coming := *m.old
	m.new = &coming
	if m.part.Mode == ModeManifest {
		m.new.Parked = filepath.Join(m.part.Parked, "new")
	}
	if len(m.Kubeconfigs) == 0 {
		m.Kubeconfigs = host.AdminConfigs()
	}
	if err := m.findServers(host); err != nil {
		m.close()
		return nil, err
	}
	return m, nil
}

func (m *machine) close() { m.runtime.Close() }

// findServers reads from the manifests where etcd and the API server serve.
func (m *machine) findServers(host kubeadm.Node) error {
	file, err := m.manifest(controlplane.Etcd)
	if err != nil {
		return err
	}
	facts := &node.Facts{Etcd: node.EtcdOf(file)}
	if m.etcd, err = facts.EtcdClient(host); err != nil {
		return err
	}
	if file, err = m.manifest("kube-apiserver"); err != nil {
		return err
	}
	if m.prefix, err = file.Manifest.FlagValue("kube-apiserver", "etcd-prefix"); err != nil || m.prefix == "" {
		m.prefix = "/registry"
	}
	m.server, err = apiserver.LocalServer(file.Manifest)
	return err
}

// manifest reads a manifest as it was before the run, from wherever it is now.
func (m *machine) manifest(component string) (staticpod.File, error) {
	pod := m.part.pod(component)
	text, err := m.original(pod.File)
	if err != nil {
		return staticpod.File{}, fmt.Errorf("manifest of %s: %w", component, err)
	}
	parsed, err := staticpod.Parse(text)
	if err != nil {
		return staticpod.File{}, fmt.Errorf("manifest of %s: %w", component, err)
	}
	return staticpod.File{Name: pod.File, Path: filepath.Join(m.part.Folder, pod.File), Manifest: parsed}, nil
}

func (m *machine) original(file string) ([]byte, error) {
	state := m.run.State()
	for _, kept := range state.Kept {
		if kept.Name == file {
			return m.run.Read(kept)
		}
	}
	text, err := os.ReadFile(filepath.Join(m.part.Folder, file))
	if errors.Is(err, fs.ErrNotExist) {
		text, err = os.ReadFile(filepath.Join(m.part.Parked, file))
	}
	return text, err
}

// dialEtcd is the node's own etcd.
func (m *machine) dialEtcd(ctx context.Context) (*etcdclient.Client, string, error) {
	endpoint := m.etcd.Endpoints[0]
	client, err := m.dial(ctx, endpoint)
	return client, endpoint, err
}

func (m *machine) dial(ctx context.Context, endpoint string) (*etcdclient.Client, error) {
	cfg := m.etcd
	cfg.Endpoints = []string{endpoint}
	return etcdclient.Dial(ctx, cfg)
}

// data is the directory where etcd finds the new data, once it has been cut over.
func (m *machine) data() string {
	if m.part.Mode == ModeSwap {
		return m.part.OldData
	}
	return m.part.NewData
}

// log is where its log is, likewise.
func (m *machine) log() string {
	switch {
	case m.part.NewWAL == "":
		return datadir.WALDir(m.data())
	case m.part.Mode == ModeSwap:
		return m.part.OldWAL
	}
	return m.part.NewWAL
}

func firstOf(list string) string {
	first, _, _ := strings.Cut(list, ",")
	return first
}
