package noderejoin

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/controlplane"
	"github.com/etcd-restore/etcd-restore/pkg/cri"
	"github.com/etcd-restore/etcd-restore/pkg/etcdclient"
	"github.com/etcd-restore/etcd-restore/pkg/internal/durable"
	"github.com/etcd-restore/etcd-restore/pkg/journal"
	"github.com/etcd-restore/etcd-restore/pkg/noderestore"
	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// quiet is a runtime in which nothing runs.
type quiet struct{}

func (quiet) Pods(context.Context, cri.Filter) ([]cri.Pod, error) { return nil, nil }
func (quiet) Stop(context.Context, cri.Pod, time.Duration) error  { return nil }
func (quiet) Remove(context.Context, cri.Pod) error               { return nil }

// newMachine is the node of m, whose etcd does not run, and which is to rejoin its
// cluster. What it does with manifests is another test's business.
func newMachine(t *testing.T, c *etcdtest.Cluster, e *etcdtest.Member, mode noderestore.Mode) *machine {
	t.Helper()
	var endpoints []string
	for _, other := range c.Members {
		if other != e {
			endpoints = append(endpoints, other.ClientURL)
		}
	}
	plan := &Plan{
		APIVersion: APIVersion, Kind: Kind, ID: NewID(time.Now()), Endpoints: endpoints, PeerURLs: []string{e.PeerURL},
		Node: noderestore.Part{Member: e.Name, Mode: mode, OldData: e.DataDir, NewData: e.DataDir + "-new"},
	}
	m := &machine{plan: plan, part: &plan.Node, own: e.ClientURL, Options: Options{Timeout: time.Minute, Sync: time.Minute}}
	m.cluster = cluster{config: etcdclient.Config{RequestTimeout: 10 * time.Second}, plan: plan}
	m.old = &controlplane.Node{Runtime: quiet{}}
	must(t, m.cluster.ask(t.Context(), func(_ context.Context, _ *etcdclient.Client, s etcdclient.MemberStatus) error {
		plan.ClusterID = hexID(s.ClusterID)
		return nil
	}))
	text, err := plan.Encode()
	must(t, err)
	if _, err := Decode(text); err != nil {
		t.Fatal(err)
	}
	folder, err := journal.Open(filepath.Join(t.TempDir(), "runs"), journal.Options{FS: durable.FS{}})
	must(t, err)
	t.Cleanup(folder.Close)
	m.run, err = folder.Create(text)
	must(t, err)
	t.Cleanup(m.run.Close)
	return m
}

// directory does that step, as the workflow would.
func (m *machine) directory(t *testing.T) {
	t.Helper()
	must(t, m.run.Intent(stepDirectory))
	must(t, m.makeDirectory(t.Context()))
	must(t, m.run.Done(stepDirectory))
}

// members are those of the cluster.
func (m *machine) members(t *testing.T) (members []etcdclient.Member) {
	t.Helper()
	must(t, m.cluster.persist(t.Context(), func(ctx context.Context, client *etcdclient.Client, endpoint string) (err error) {
		members, err = client.MemberList(ctx, endpoint)
		return err
	}))
	return members
}

// startProcess starts what the kubelet would.
func (m *machine) startProcess(t *testing.T, e *etcdtest.Member) {
	t.Helper()
	initial, err := m.plan.initialCluster(m.members(t))
	must(t, err)
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	must(t, err)
	cmd := exec.Command(etcdtest.Binary(t, etcdtest.V37, "etcd"), "--name", e.Name, "--data-dir", m.plan.data(),
		"--listen-client-urls", e.ClientURL, "--advertise-client-urls", e.ClientURL,
		"--listen-peer-urls", e.PeerURL, "--initial-advertise-peer-urls", e.PeerURL,
		"--initial-cluster", initial, "--initial-cluster-state", "existing")
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			text, _ := os.ReadFile(log.Name())
			t.Logf("etcd:\n%s", text[max(0, len(text)-3000):])
		}
	})
}

// A member whose data are lost comes back, with a vote and another ID. Whatever is done
// twice, as after a crash, comes to the same.
func TestJoin(t *testing.T) {
	t.Parallel()
	for _, mode := range []noderestore.Mode{noderestore.ModeManifest, noderestore.ModeSwap} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			c := etcdtest.New(t, etcdtest.Config{Version: etcdtest.V37, Size: 3, Args: []string{"--strict-reconfig-check=false"}})
			c.Start(t)
			lost := c.Members[2]
			lost.Kill(t)
			c.Members[0].Ready(t) // it may have been the leader
			_, err := c.Members[0].Client(t).Put(t.Context(), "key", "value")
			must(t, err)
			m := newMachine(t, c, lost, mode)
			before, _ := m.plan.own(m.members(t))

			m.directory(t)
			must(t, m.addMember(t.Context()))
			added, ok := m.plan.own(m.members(t))
			if !ok || !added.Learner || added.ID == before.ID {
				t.Fatalf("%+v after %+v", added, before)
			}
			must(t, m.addMember(t.Context()))
			if again, _ := m.plan.own(m.members(t)); again.ID != added.ID {
				t.Errorf("added twice: %x and %x", added.ID, again.ID)
			}
			if done, err := m.promoted(t.Context()); done || err != nil {
				t.Errorf("promoted: %t, %v", done, err)
			}
			m.startProcess(t, lost)
			must(t, m.waitEtcd(t.Context(), time.Minute, m.serves))
			must(t, m.addMember(t.Context())) // it has data now
			if again, _ := m.plan.own(m.members(t)); again.ID != added.ID {
				t.Errorf("added again: %x and %x", added.ID, again.ID)
			}
			must(t, m.promote(t.Context()))
			must(t, m.promote(t.Context()))
			if done, err := m.promoted(t.Context()); !done || err != nil {
				t.Errorf("promoted: %t, %v", done, err)
			}
			must(t, m.removeMember(t.Context())) // it has a vote, and stays
			if now, ok := m.plan.own(m.members(t)); !ok || now.Learner {
				t.Errorf("removed: %+v", now)
			}
			reply, err := lost.Client(t).Get(t.Context(), "key")
			if err != nil || len(reply.Kvs) != 1 {
				t.Errorf("the key is not there: %v", err)
			}
			if !isThere(filepath.Join(m.plan.OldDataDir(), "member")) {
				t.Error("the old data are gone")
			}
		})
	}
}

// The way back before the vote leaves neither learner nor directory, and the old data
// where they were.
func TestJoinBack(t *testing.T) {
	t.Parallel()
	for _, mode := range []noderestore.Mode{noderestore.ModeManifest, noderestore.ModeSwap} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			c := etcdtest.New(t, etcdtest.Config{Version: etcdtest.V37, Size: 3, Args: []string{"--strict-reconfig-check=false"}})
			c.Start(t)
			lost := c.Members[2]
			lost.Kill(t)
			m := newMachine(t, c, lost, mode)
			old, err := os.ReadFile(filepath.Join(lost.DataDir, "member", "snap", "db"))
			must(t, err)
			m.directory(t)
			must(t, m.makeDirectory(t.Context())) // again, after a crash
			must(t, m.addMember(t.Context()))
			must(t, os.MkdirAll(filepath.Join(m.plan.data(), "member"), 0o700)) // etcd has begun
			must(t, m.empty())
			must(t, m.removeMember(t.Context()))
			must(t, m.removeMember(t.Context()))
			if _, ok := m.plan.own(m.members(t)); ok {
				t.Error("the learner is still there")
			}
			must(t, m.removeDirectory(t.Context()))
			must(t, m.removeDirectory(t.Context()))
			now, err := os.ReadFile(filepath.Join(lost.DataDir, "member", "snap", "db"))
			if err != nil || string(now) != string(old) {
				t.Errorf("the old data have changed: %v", err)
			}
			if isThere(m.part.NewData) {
				t.Errorf("%s is left", m.part.NewData)
			}
		})
	}
}

// Nothing is asked of another cluster, nor of one without a quorum; and nothing is
// emptied that is not the run's own.
func TestJoinRefuses(t *testing.T) {
	t.Parallel()
	c := etcdtest.New(t, etcdtest.Config{Version: etcdtest.V37, Size: 3})
	c.Start(t)
	lost := c.Members[2]
	lost.Kill(t)
	m := newMachine(t, c, lost, noderestore.ModeSwap)
	if err := m.empty(); !errors.Is(err, ErrNode) {
		t.Errorf("emptied: %v", err)
	}
	right := m.plan.ClusterID
	m.plan.ClusterID = "1"
	ask := func() error {
		return m.cluster.ask(t.Context(), func(context.Context, *etcdclient.Client, etcdclient.MemberStatus) error { return nil })
	}
	if err := ask(); !errors.Is(err, ErrCluster) || !strings.Contains(err.Error(), right) {
		t.Errorf("another cluster: %v", err)
	}
	m.plan.ClusterID = right
	must(t, ask())
	m.plan.Endpoints = nil
	if err := ask(); !errors.Is(err, ErrCluster) {
		t.Errorf("nobody to ask: %v", err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
