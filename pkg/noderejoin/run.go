package noderejoin

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/controlplane"
	"github.com/etcd-restore/etcd-restore/pkg/cri"
	"github.com/etcd-restore/etcd-restore/pkg/internal/durable"
	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
	"github.com/etcd-restore/etcd-restore/pkg/journal"
	"github.com/etcd-restore/etcd-restore/pkg/kubeadm"
	"github.com/etcd-restore/etcd-restore/pkg/kubelet"
	"github.com/etcd-restore/etcd-restore/pkg/noderestore"
	"github.com/etcd-restore/etcd-restore/pkg/staticpod"
	"github.com/etcd-restore/etcd-restore/pkg/workflow"
)

// Options say how to work on a plan. They are not part of it.
type Options struct {
	Kubeconfigs []string // with credentials for this node's API server; none are kubeadm's

	Grace      time.Duration // for a container to end by itself
	Timeout    time.Duration // for etcd to start, and for the API server to serve
	Sync       time.Duration // for etcd to have all the data of the cluster
	NoRollback bool          // leave a failed run where it stands
	Progress   workflow.Progress
	FS         durable.FS
}

// Run does what a plan says, in a new run in folder. If a step fails before the member
// has its vote, everything is taken back.
func Run(ctx context.Context, folder *journal.Folder, plan *Plan, o Options) (*journal.Run, error) {
	for _, dir := range []string{plan.Node.NewData, plan.Node.NewWAL} {
		if dir != "" && isThere(dir) {
			return nil, hint.New(fmt.Errorf("%w: %s exists", ErrNode, dir), "make a new plan")
		}
	}
	text, err := plan.Encode()
	if err != nil {
		return nil, err
	}
	run, err := folder.Create(text)
	if err != nil {
		return nil, err
	}
	m, err := prepare(run, o)
	if err != nil {
		return run, errors.Join(err, run.Finish(journal.RolledBack)) // nothing was begun
	}
	defer m.close()
	return run, m.forward(ctx)
}

// Resume goes on with a run where it stopped, forward or on its way back.
func Resume(ctx context.Context, run *journal.Run, o Options) error {
	if run.State().Outcome != "" {
		return finished(run)
	}
	m, err := prepare(run, o)
	if err != nil {
		return err
	}
	defer m.close()
	if run.State().GoingBack {
		return m.explain(workflow.Rollback(ctx, run, m.phases(), o.Progress))
	}
	return m.forward(ctx)
}

// Rollback takes a run back. Behind the vote that is refused with workflow.ErrCommitted.
func Rollback(ctx context.Context, run *journal.Run, o Options) error {
	if run.State().Outcome == journal.RolledBack {
		return finished(run)
	}
	m, err := prepare(run, o)
	if err != nil {
		return err
	}
	defer m.close()
	return m.explain(workflow.Rollback(ctx, run, m.phases(), o.Progress))
}

func finished(run *journal.Run) error {
	return hint.New(fmt.Errorf("%w: run %s is %s", ErrFinished, run.Name, run.State().Outcome), "what it did: kubectl etcd-restore node runs %s", run.Name)
}

func (m *machine) forward(ctx context.Context) error {
	return m.explain(workflow.Run(ctx, m.run, m.phases(), workflow.Options{NoRollback: m.NoRollback, Progress: m.Progress}))
}

// explain adds the next command to an error of the workflow.
func (m *machine) explain(err error) error {
	state := m.run.State()
	switch {
	case errors.Is(err, workflow.ErrCommitted) && !errors.Is(err, workflow.ErrStuck):
		return hint.New(err, "the node is a member: finish it with kubectl etcd-restore node resume %s", m.run.Name)
	case errors.Is(err, workflow.ErrStuck) && state.GoingBack:
		return hint.New(err, "mend the cause, then: kubectl etcd-restore node rollback %s", m.run.Name)
	case errors.Is(err, workflow.ErrStuck) && state.Committed:
		return hint.New(err, "the node is a member: mend the cause, then: kubectl etcd-restore node resume %s", m.run.Name)
	case errors.Is(err, workflow.ErrStuck):
		return hint.New(err, "go on: kubectl etcd-restore node resume %[1]s; or back: kubectl etcd-restore node rollback %[1]s", m.run.Name)
	}
	return err
}

// machine is this node at work on a plan.
type machine struct {
	Options
	plan *Plan
	part *noderestore.Part
	run  *journal.Run

	runtime *cri.Runtime
	old     *controlplane.Node // its pods, with the manifests that were there
	new     *controlplane.Node // etcd, with the manifest that comes
	cluster cluster
	own     string // client URL of this node's etcd
	server  string // URL of the node's own API server
}

// prepare finds on the node what a run needs to work with. Close the machine.
func prepare(run *journal.Run, o Options) (*machine, error) {
	plan, err := Decode(run.Plan())
	if err != nil {
		return nil, err
	}
	m := &machine{Options: o, plan: plan, part: &plan.Node, run: run}
	host := kubeadm.Node{}
	if len(m.Kubeconfigs) == 0 {
		m.Kubeconfigs = host.AdminConfigs()
	}
	if err := m.findServers(host); err != nil {
		return nil, err
	}
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
	m.old = &controlplane.Node{
		Folder: m.part.Folder, Parked: m.part.Parked, Runtime: m.runtime, Grace: o.Grace, FS: o.FS,
		RestartKubelet: func(ctx context.Context) error { return kubelet.Restart(ctx, config.Healthz) },
	}
	coming := *m.old
	m.new = &coming
	m.new.Parked = filepath.Join(m.part.Parked, "new")
	return m, nil
}

func (m *machine) close() { m.runtime.Close() }

// manifest reads a manifest as it was before the run, from wherever it is now.
func (m *machine) manifest(component string) (staticpod.File, error) {
	pod := m.pod(component)
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
	for _, kept := range m.run.State().Kept {
		if kept.Name == file {
			return m.run.Read(kept)
		}
	}
	return os.ReadFile(filepath.Join(m.part.Folder, file))
}

// pod is that of a component.
func (m *machine) pod(component string) controlplane.Pod {
	for _, f := range m.part.Manifests {
		if f.Component == component {
			return controlplane.Pod{Component: f.Component, File: f.File, Namespace: f.Namespace, Name: f.Pod}
		}
	}
	return controlplane.Pod{Component: component}
}

// pods are all of the node's, in the order in which they are stopped: etcd last.
func (m *machine) pods() []controlplane.Pod {
	var pods []controlplane.Pod
	for _, f := range m.part.Manifests {
		pods = append(pods, m.pod(f.Component))
	}
	return pods
}

// clients are the pods that use etcd.
func (m *machine) clients() []controlplane.Pod {
	var pods []controlplane.Pod
	for _, p := range m.pods() {
		if p.Component != controlplane.Etcd {
			pods = append(pods, p)
		}
	}
	return pods
}
