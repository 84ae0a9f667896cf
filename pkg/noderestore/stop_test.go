package noderestore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/controlplane"
	"github.com/etcd-restore/etcd-restore/pkg/cri"
	"github.com/etcd-restore/etcd-restore/pkg/datadir"
	"github.com/etcd-restore/etcd-restore/pkg/etcdclient"
	"github.com/etcd-restore/etcd-restore/pkg/internal/durable"
	"github.com/etcd-restore/etcd-restore/pkg/rendezvous"
	"github.com/etcd-restore/etcd-restore/pkg/revision"
)

// busy is a runtime with pods.
type busy struct {
	quiet
	pods []cri.Pod
}

func (b busy) Pods(context.Context, cri.Filter) ([]cri.Pod, error) { return b.pods, nil }

// etcdPod is a pod of etcd with one container.
func etcdPod(c cri.Container) busy {
	c.Name = controlplane.Etcd
	return busy{pods: []cri.Pod{{
		Name: "etcd-cp1", Namespace: "kube-system", Static: true, Ready: c.State != cri.Exited, Containers: []cri.Container{c},
	}}}
}

// That the old etcd has stopped is proved by the runtime and by its lock (I6), and that
// the plan is above all that it wrote by its data (I5).
func TestProve(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		set  func(*testing.T, *machine)
		want error
	}{
		"stopped":             {func(*testing.T, *machine) {}, nil},
		"a container is left": {func(_ *testing.T, m *machine) { m.old.Runtime = etcdPod(cri.Container{State: cri.Exited}) }, nil},
		"a container lives":   {func(_ *testing.T, m *machine) { m.old.Runtime = etcdPod(cri.Container{State: cri.Running}) }, controlplane.ErrNotStopped},
		"nobody knows":        {func(_ *testing.T, m *machine) { m.old.Runtime = etcdPod(cri.Container{State: cri.Unknown}) }, controlplane.ErrNotStopped},
		"something has the data open": {func(t *testing.T, m *machine) {
			f, err := os.OpenFile(datadir.DBPath(m.part.OldData), os.O_RDWR, 0)
			must(t, err)
			t.Cleanup(func() { f.Close() })
			must(t, durable.Lock(f))
		}, controlplane.ErrNotStopped},
		"it has written above the plan": {func(_ *testing.T, m *machine) { m.plan.Decision.Revision = 100 }, revision.ErrNotCleared},
		"its data are gone":             {func(t *testing.T, m *machine) { must(t, os.RemoveAll(m.part.OldData)) }, nil},
		"its data are damaged": {func(t *testing.T, m *machine) {
			must(t, os.WriteFile(datadir.DBPath(m.part.OldData), []byte("damaged"), 0o600))
		}, errAny},
		"they were before, and the clock stands for them": {func(t *testing.T, m *machine) {
			m.plan.Decision.Proof.Floor = true
			must(t, os.WriteFile(datadir.DBPath(m.part.OldData), []byte("damaged"), 0o600))
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "kubeadm-1.37.yaml", single)
			m := bare(w.plan(t, ModeManifest))
			tc.set(t, m)
			before := tree(t, w.dir)
			err := m.prove(t.Context())
			if !errors.Is(err, tc.want) && (tc.want != errAny || err == nil) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
			if after := tree(t, w.dir); len(after) != len(before) {
				t.Errorf("something has changed: %v", after)
			}
		})
	}
}

// A received database that is missing leaves open how far the member had come (I5).
func TestAbsent(t *testing.T) {
	t.Parallel()
	if incomplete := fmt.Errorf("%w: %w", datadir.ErrIncomplete, fs.ErrNotExist); absent(incomplete) || absent(nil) || !absent(fs.ErrNotExist) {
		t.Errorf("incomplete %t, no error %t, nothing there %t", absent(incomplete), absent(nil), absent(fs.ErrNotExist))
	}
}

// At the rendezvous only a member of the plan counts as told.
func TestHear(t *testing.T) {
	t.Parallel()
	e := &meeting{names: []string{"cp2"}, heard: map[string]bool{}}
	e.hear("cp2")
	e.hear("cp9")
	if !e.hasHeard("cp2") || len(e.heard) != 1 {
		t.Errorf("%v", e.heard)
	}
}

var errAny = errors.New("any error")

// Who does not answer has proved nothing, who follows another plan never will.
func TestMet(t *testing.T) {
	t.Parallel()
	m := bare(&Plan{Decision: Decision{ClusterID: "c1"}})
	stopped := rendezvous.Answer{State: rendezvous.State{PlanSHA256: "d", Member: "cp2", Stopped: true}}
	running, through, old, other, aborted := stopped, rendezvous.Answer{}, rendezvous.Answer{}, stopped, stopped
	running.State.Stopped = false
	through.State.ClusterID = 0xc1
	old.State.ClusterID = 0xc0
	other.State.PlanSHA256 = "e"
	aborted.State.Aborted = true
	silent := rendezvous.Answer{Err: rendezvous.ErrUnreachable}
	for name, tc := range map[string]struct {
		answers []rendezvous.Answer
		met     bool
		err     error
	}{
		"all have stopped":           {[]rendezvous.Answer{stopped, stopped}, true, nil},
		"one is through":             {[]rendezvous.Answer{stopped, through}, true, nil},
		"one is silent":              {[]rendezvous.Answer{silent, stopped}, false, nil},
		"one runs":                   {[]rendezvous.Answer{stopped, running}, false, nil},
		"one has the old etcd":       {[]rendezvous.Answer{old, stopped}, false, nil},
		"one follows another plan":   {[]rendezvous.Answer{stopped, other}, false, ErrPlan},
		"one has gone back":          {[]rendezvous.Answer{aborted, stopped}, false, ErrAborted},
		"silent, and another plan's": {[]rendezvous.Answer{silent, other}, false, ErrPlan},
	} {
		met, err := m.met(tc.answers, "d")
		if met != tc.met || !errors.Is(err, tc.err) {
			t.Errorf("%s: %t, %v", name, met, err)
		}
	}
}

// Who was the first through is silent until its new etcd answers, and is not waited for;
// who says something else has not kept its word.
func TestPromises(t *testing.T) {
	t.Parallel()
	stopped := rendezvous.Answer{Peer: "cp2", State: rendezvous.State{PlanSHA256: "d", Stopped: true}}
	silent := rendezvous.Answer{Peer: "cp2", Err: rendezvous.ErrUnreachable}
	old := rendezvous.Answer{Peer: "cp2", State: rendezvous.State{ClusterID: 0xc0}}
	now := time.Now()
	p := promises{}
	for i, step := range []struct {
		at   time.Duration
		says rendezvous.Answer
		want rendezvous.Answer
	}{
		{0, silent, silent},
		{0, stopped, stopped},
		{keeping - time.Second, silent, stopped},
		{keeping, silent, silent},
		{keeping, stopped, stopped},
		{keeping, old, old},
		{keeping, silent, silent},
	} {
		answers := []rendezvous.Answer{step.says}
		p.fill(answers, now.Add(step.at))
		if answers[0] != step.want {
			t.Errorf("%d: %+v", i, answers[0])
		}
	}
}

// An etcd that ends again and again is not waited for.
func TestWaitEtcd(t *testing.T) {
	t.Parallel()
	silent := errors.New("no answer")
	never := func(context.Context) error { return silent }
	for name, tc := range map[string]struct {
		runtime controlplane.Runtime
		timeout time.Duration
		ask     func(context.Context) error
		want    error
	}{
		"it serves":           {quiet{}, time.Minute, func(context.Context) error { return nil }, nil},
		"it never serves":     {quiet{}, 300 * time.Millisecond, never, silent},
		"it has ended thrice": {etcdPod(cri.Container{State: cri.Exited, Attempt: 2, ExitCode: 1}), time.Hour, never, ErrEtcd},
		"it has ended once":   {etcdPod(cri.Container{State: cri.Exited, Attempt: 0}), 300 * time.Millisecond, never, silent},
		"the fourth runs":     {etcdPod(cri.Container{State: cri.Running, Attempt: 3}), 300 * time.Millisecond, never, silent},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := bare(newPlanless(t))
			m.old.Runtime, m.Timeout = tc.runtime, tc.timeout
			err := m.waitEtcd(t.Context(), m.Timeout, tc.ask)
			if !errors.Is(err, tc.want) || tc.want != nil && (!errors.Is(err, ErrEtcd) || !errors.As(err, new(interface{ Hint() string }))) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	m := bare(newPlanless(t))
	if err := m.waitEtcd(ctx, m.Timeout, never); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// newPlanless is a plan that knows its manifests only.
func newPlanless(t *testing.T) *Plan {
	t.Helper()
	part, err := NewPart(t.Context(), newWorld(t, "kubeadm-1.37.yaml", "").facts, ModeManifest, id)
	must(t, err)
	return &Plan{Node: part}
}

// What serves must be the planned member of the planned cluster, with a leader, and
// not below the planned revision.
func TestIsRestored(t *testing.T) {
	t.Parallel()
	m := bare(&Plan{Decision: Decision{ClusterID: "c1", Revision: 1000}})
	good := etcdclient.MemberStatus{MemberID: 0xa, ClusterID: 0xc1, Leader: 0xb, Revision: 1000}
	must(t, m.isRestored(good, "a"))
	for name, change := range map[string]func(*etcdclient.MemberStatus){
		"another cluster": func(s *etcdclient.MemberStatus) { s.ClusterID++ },
		"another member":  func(s *etcdclient.MemberStatus) { s.MemberID++ },
		"no leader":       func(s *etcdclient.MemberStatus) { s.Leader = 0 },
		"below the plan":  func(s *etcdclient.MemberStatus) { s.Revision-- },
		"no answer":       func(s *etcdclient.MemberStatus) { s.Err = ErrEtcd },
	} {
		s := good
		change(&s)
		if err := m.isRestored(s, "a"); !errors.Is(err, ErrEtcd) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// On a directory that does not hold the new cluster etcd would begin one of its own:
// it is not started.
func TestStartEtcdRefuses(t *testing.T) {
	t.Parallel()
	for _, mode := range []Mode{ModeManifest, ModeSwap} {
		w := newWorld(t, "kubeadm-1.37.yaml", single)
		plan := w.plan(t, mode)
		m := w.machine(t, plan)
		must(t, m.keep(t.Context()))
		must(t, m.takeOut(t.Context()))
		if mode == ModeManifest {
			must(t, m.edit(t.Context()))
		} else {
			must(t, m.stage(t.Context())) // and not exchanged
		}
		if err := m.startEtcd(t.Context()); !errors.Is(err, ErrEtcd) {
			t.Errorf("%s: %v", mode, err)
		}
		if _, err := os.Stat(filepath.Join(plan.Node.Folder, plan.Node.pod(controlplane.Etcd).File)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: the manifest is in: %v", mode, err)
		}
	}
}

// No API server may come up before the commit point, whoever has put its manifest back
// (I7).
func TestClientsStayOut(t *testing.T) {
	t.Parallel()
	w := newWorld37(t, "kubeadm-1.37.yaml")
	m := w.machine(t, w.plan(t, ModeManifest))
	must(t, errors.Join(m.stage(t.Context()), m.takeOut(t.Context()), m.edit(t.Context())))
	must(t, m.clientsOut())
	api := m.part.pod("kube-apiserver").File
	text, err := os.ReadFile(filepath.Join(m.part.Parked, api))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(m.part.Folder, api), text, 0o600))
	if err := m.startEtcd(t.Context()); !errors.Is(err, controlplane.ErrManifest) {
		t.Errorf("got %v", err)
	}
	if in, err := m.new.Where(m.part.pod(controlplane.Etcd)); in || err != nil {
		t.Errorf("etcd was started: %t, %v", in, err)
	}
}
