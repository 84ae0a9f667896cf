//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/etcd-restore/etcd-restore/test/e2e/lab"
	"github.com/etcd-restore/etcd-restore/test/e2e/probe"
)

// fleet is a scene of three nodes that are restored from a workstation, with an informer
// on every API server, and clients of each that write and read all the time.
type fleet struct {
	*scene
	work    *lab.Workstation
	servers []*server
	history *probe.History
	kept    map[string]map[string]string // node: manifests when the last snapshot was taken
	clean   map[string]string            // node: the files where ours might stay, before any run
}

// server is one API server, seen from where no fault of the network is.
type server struct {
	node     *lab.Node
	config   *rest.Config
	ready    *probe.Readiness
	informer *probe.Informer
}

func setUpFleet(t *testing.T) *fleet {
	t.Helper()
	f := &fleet{scene: setUp(t, lab.Options{Nodes: 3}), clean: map[string]string{}}
	f.work = f.Workstation(t, map[string]string{plugin: programs()[plugin]})
	observer := f.Observer(t)
	configs := map[string]*rest.Config{}
	for _, n := range f.Nodes() {
		config, err := probe.Config(f.Kubeconfig(), n.Address(t))
		must(t, err)
		sv := &server{node: n, config: probe.From(config, observer)}
		sv.ready, err = probe.Watch(t.Context(), sv.config)
		must(t, err)
		t.Cleanup(sv.ready.Close)
		f.servers = append(f.servers, sv)
		configs[n.Name] = sv.config
	}
	f.everyReady(t)
	for _, sv := range f.servers {
		var err error
		sv.informer, err = probe.Inform(t.Context(), sv.config, "shop")
		must(t, err)
		t.Cleanup(sv.informer.Close)
		f.clean[sv.node.Name] = f.files(t, sv.node)
	}
	var err error
	f.history, err = probe.Record(t.Context(), configs, "ledger")
	must(t, err)
	t.Cleanup(f.history.Close)
	return f
}

// fromCP1 is the snapshot on the workstation.
const fromCP1 = "snapshot.db"

// save is scene.save, with the snapshot brought to the workstation.
func (f *fleet) save(t *testing.T) {
	t.Helper()
	f.scene.save(t)
	f.work.Copy(t, f.node, snapshot, fromCP1)
	f.keep(t)
}

// saveOver is save, with the snapshot taken from the workstation by the plugin.
func (f *fleet) saveOver(t *testing.T, way ...string) {
	t.Helper()
	f.saveWith(t, func() {
		must(t, os.RemoveAll(f.work.Path(fromCP1)))
		requireCode(t, done, f.cluster(t, append([]string{"save", f.work.Path(fromCP1)}, way...)...))
	})
	f.keep(t)
}

// keep remembers what a way back has to lead to.
func (f *fleet) keep(t *testing.T) {
	t.Helper()
	f.kept = map[string]map[string]string{}
	for _, n := range f.Nodes() {
		f.kept[n.Name] = n.Manifests(t)
	}
}

// restore restores the snapshot from the workstation, which has to succeed.
func (f *fleet) restore(t *testing.T, way ...string) {
	t.Helper()
	began := time.Now()
	clusters := f.history.Clusters()
	hooks, fired := f.hooks()
	r := f.cluster(t, slices.Concat([]string{"run", f.work.Path(fromCP1), "--yes"}, hooks, way)...)
	requireCode(t, done, r)
	for _, loss := range []string{"  brings back ", "1 configmaps", "  removes "} {
		if len(way) == 0 && !strings.Contains(r.Stderr, loss) { // with an API server that is asked anyway
			t.Errorf("no %q in what it says before it begins:\n%s", loss, r.Stderr)
		}
	}
	f.requireRestored(t)
	requireEqual(t, "the hooks that were run", fired, f.work.Shell(t, "cat hooks; rm hooks").Stdout)
	if now := f.history.Clusters(); now != clusters+1 {
		t.Errorf("%d clusters have served, there were %d before", now, clusters)
	}
	longest, from := f.history.Gap(began)
	t.Logf("nobody could write for %.1f s from %v on", longest.Seconds(), from.Format(time.TimeOnly))
}

// hooks are flags for a command before and after each phase, which writes down that it was
// run and for whom, and all that it has written in the end.
func (f *fleet) hooks() (flags []string, fired string) {
	var nodes []string
	for _, n := range f.Nodes() {
		nodes = append(nodes, n.Name)
	}
	for _, phase := range []string{"stage", "stop", "cutover", "start", "verify", "post-restore"} {
		for _, when := range []string{"before-" + phase, "after-" + phase} {
			flags = append(flags, "--hook", when+`=echo "$ETCD_RESTORE_PHASE $ETCD_RESTORE_NODES" >>hooks`)
			fired += when + " " + strings.Join(nodes, ",") + "\n"
		}
	}
	return flags, fired
}

// cluster runs the plugin on the workstation: kubectl etcd-restore VERB ARG...
func (f *fleet) cluster(t *testing.T, args ...string) lab.Result {
	t.Helper()
	r := f.work.Run(t, append([]string{plugin}, args...)...)
	t.Logf("%v ended with %d after %.1f s", args, r.Code, r.Took.Seconds())
	return r
}

// start starts the plugin on the workstation.
func (f *fleet) start(t *testing.T, args ...string) *lab.Process {
	t.Helper()
	return f.work.Start(t, append([]string{plugin}, args...)...)
}

// overSSH is a command line for the nodes, none for all, by ssh.
func (f *fleet) overSSH(verb string, args ...string) []string {
	return append(append([]string{verb}, args...), f.work.SSH()...)
}

// everyReady waits until every API server has been ready for a second.
func (f *fleet) everyReady(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	for _, sv := range f.servers {
		if err := sv.ready.WaitReady(ctx, time.Second); err != nil {
			t.Fatalf("%s: %v", sv.node.Name, err)
		}
	}
}

// requireRestored checks that what every API server serves is what was there when save
// took the snapshot, that all of it is one cluster that works, and that nobody was told
// anything else meanwhile.
func (f *fleet) requireRestored(t *testing.T) {
	t.Helper()
	f.everyReady(t)
	f.scene.requireRestored(t)
	f.requireEverywhere(t, before())
	f.requireMovedEverywhere(t)
	for _, n := range f.Nodes() {
		f.eventually(t, func(ctx context.Context) error { return f.left(ctx, n) })
	}
}

// requireOld checks that the cluster is what it was after save, with the manifests of
// all nodes byte for byte as they were. The program and the snapshot may be on the nodes
// still, for the next attempt.
func (f *fleet) requireOld(t *testing.T) {
	t.Helper()
	f.requireManifests(t)
	f.everyReady(t)
	f.scene.requireOld(t)
	f.requireEverywhere(t, after())
}

// requireEverywhere checks that all API servers and informers hold these objects, that
// the etcds are one cluster, that no answer was wrong, and that nothing of ours is left.
func (f *fleet) requireEverywhere(t *testing.T, want map[string]string) {
	t.Helper()
	for _, sv := range f.servers {
		f.eventually(t, func(ctx context.Context) error { return sv.informer.Check(ctx, want) })
	}
	f.requireOneCluster(t)
	f.eventually(t, func(context.Context) error { return f.history.Verdict() })
	for _, sv := range f.servers {
		f.eventually(t, func(ctx context.Context) error { return f.history.Kept(ctx, sv.node.Name) })
	}
	f.requireClean(t)
}

func (f *fleet) requireManifests(t *testing.T) {
	t.Helper()
	for _, n := range f.Nodes() {
		requireEqual(t, "the manifests of "+n.Name, f.kept[n.Name], n.Manifests(t))
	}
}

// requireMovedEverywhere is requireMoved for all nodes, whose directories have one name:
// kubeadm knows only one.
func (f *fleet) requireMovedEverywhere(t *testing.T) {
	t.Helper()
	dirs := map[string]bool{}
	for _, n := range f.Nodes() {
		one := &scene{Lab: f.Lab, node: n, manifests: f.kept[n.Name]}
		dirs[one.requireMoved(t)] = true
	}
	if len(dirs) != 1 {
		t.Errorf("the data are in %v", slices.Collect(maps.Keys(dirs)))
	}
}

// requireClean checks that nothing of ours runs, and that nothing is left outside of our
// folder.
func (f *fleet) requireClean(t *testing.T) {
	t.Helper()
	for _, n := range f.Nodes() {
		f.eventually(t, func(ctx context.Context) error { return nothing(ctx, n, `pgrep -af '[k]ubectl-etcd_restore' || true`) })
		requireEqual(t, "files of "+n.Name, f.clean[n.Name], f.files(t, n))
	}
	for _, sv := range f.servers {
		f.eventually(t, func(ctx context.Context) error { return probe.NoPods(ctx, sv.config, "etcd-restore") })
	}
}

// left is an error that names what is in our folder beside the runs.
func (f *fleet) left(ctx context.Context, n *lab.Node) error {
	return nothing(ctx, n, `[[ ! -d $1 ]] || find "$1" -mindepth 1 -maxdepth 1 ! -name '20*Z-*' ! -name lock -exec find {} ! -type d \;`)
}

// nothing is an error that has what a script prints on a node.
func nothing(ctx context.Context, n *lab.Node, script string) error {
	r, err := n.Try(ctx, "bash", "-euc", script, "bash", lab.RunsDir)
	if err == nil && r.Code != 0 {
		err = errors.New(r.Stderr)
	}
	if err == nil && r.Stdout != "" {
		err = fmt.Errorf("left on %s:\n%s", n.Name, r.Stdout)
	}
	return err
}

// files are the names where something of ours might stay.
func (f *fleet) files(t *testing.T, n *lab.Node) string {
	t.Helper()
	return n.Shell(t, `{
		find /etc/kubernetes -maxdepth 1 ! -name away ! -name tmp
		find /etc /opt /root /run /tmp -xdev -name '*etcd[-_]restore*'
	} | sort`)
}
