//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// phases are where a workstation is killed, each at its first line on one node: in the
// sample, and those that E2E_FULL adds.
var (
	somePhases = []string{"intent:start/etcd"}
	morePhases = []string{"intent:stage/", "intent:stop/", "intent:cutover/", "intent:start/commit", "intent:verify/", "intent:post-restore/"}
)

// What is begun ends, whoever dies: the workstation, in every phase, and all nodes at
// once. Another workstation picks it up, which knows nothing but the nodes.
func (f *fleet) testKilled(t *testing.T) {
	lines := somePhases
	if full() {
		lines = append(lines, morePhases...)
	}
	for _, line := range lines {
		if !t.Run("workstation at "+line, func(t *testing.T) { f.killWorkstation(t, line) }) {
			return
		}
	}
	powered := []string{"intent:start/control-plane"}
	if full() {
		powered = append(powered, "done:stop/prove", "intent:stage/", "intent:stop/", "intent:cutover/", "done:cutover/", "intent:start/etcd", "intent:start/commit", "intent:verify/")
	}
	for _, line := range powered {
		if !t.Run("all nodes at "+line, func(t *testing.T) { f.powerOffAll(t, line) }) {
			return
		}
	}
	t.Run("a node is down from the start", f.without)
}

// killWorkstation kills it when the first node is at a line, and resumes from another.
func (f *fleet) killWorkstation(t *testing.T, line string) {
	f.save(t)
	hold := f.node.HoldSSH(t, line)
	p := f.start(t, f.overSSH("run", f.work.Path(fromCP1), "--yes")...)
	hold.Wait(t)
	p.Kill()
	hold.Release(t)
	f.resumeElsewhere(t, line)
}

// atWork is where nodes do the little that is left before anybody can ask them.
func atWork(line string) bool { return line == "intent:verify/" || line == "intent:post-restore/" }

// resumeElsewhere resumes from another workstation, as its status says, what stopped at a
// line.
func (f *fleet) resumeElsewhere(t *testing.T, line string) {
	t.Helper()
	home := f.work
	defer func() { f.work = home }()
	f.work = f.Workstation(t, map[string]string{plugin: programs()[plugin]})
	f.work.Copy(t, f.node, snapshot, fromCP1) // a copy of the snapshot is kept elsewhere, as it should be
	r := f.cluster(t, f.overSSH("status")...)
	t.Logf("status says\n%s%s", r.Stdout, r.Stderr)
	unfinished := strings.Contains(r.Stdout, "UNFINISHED: ")
	if !unfinished && !atWork(line) {
		t.Error("status does not tell of the run")
	}
	r = f.cluster(t, f.overSSH("resume")...)
	if !strings.Contains(r.Stderr, "all are finished on all nodes") || !atWork(line) {
		requireCode(t, done, r)
	}
	f.requireRestored(t)
}

// powerOffAll pulls the plugs of all nodes while the first is at a line.
func (f *fleet) powerOffAll(t *testing.T, line string) {
	f.save(t)
	hold := f.node.HoldSSH(t, line)
	p := f.start(t, f.overSSH("run", f.work.Path(fromCP1), "--yes")...)
	hold.Wait(t)
	f.PowerOff(t, f.Nodes()...)
	p.Kill()
	f.PowerOn(t, f.Nodes()...)
	f.resumeElsewhere(t, line)
}

// without restores while a node is off, which comes back as the run has printed.
func (f *fleet) without(t *testing.T) {
	f.save(t)
	off := f.Node(3)
	off.PowerOff(t)
	args := f.overSSH("run", f.work.Path(fromCP1), "--yes")
	r := f.cluster(t, args...)
	requireCode(t, refused, r)
	if !strings.Contains(r.Stderr, "--exclude-node") || !strings.Contains(r.Stderr, "cp3") {
		t.Errorf("it does not say what to do:\n%s", r.Stderr)
	}
	f.requireManifests(t)
	r = f.cluster(t, append(args, "--exclude-node", "cp3")...)
	requireCode(t, done, r)
	command := pasted(t, r.Stdout, "rejoin cp3") + " --yes"
	f.wait(t, 2*time.Minute)
	f.eventually(t, func(ctx context.Context) error { return f.informer.Check(ctx, before()) })

	off.PowerOn(t)
	f.work.Shell(t, command)
	f.everyReady(t)
	f.scene.requireRestored(t)
	f.requireEverywhere(t, before())
	requireCode(t, done, f.cluster(t, f.overSSH("check")...))
	if full() {
		f.round(t, f.work.SSH())
	}
}

// pasted is the command line in an output that has these words: what somebody copies.
func pasted(t *testing.T, output, words string) string {
	t.Helper()
	for line := range strings.Lines(output) {
		if from := strings.Index(line, "kubectl etcd-restore"); from >= 0 && strings.Contains(line, words) {
			return strings.Replace(strings.TrimSpace(line[from:]), "kubectl etcd-restore", plugin, 1)
		}
	}
	t.Fatalf("no command with %q in\n%s", words, output)
	return ""
}

// errAlive is for those who wait for a death.
var errAlive = errors.New("it still answers")

func (f *fleet) silent(t *testing.T) {
	t.Helper()
	f.eventually(t, func(context.Context) error {
		for _, sv := range f.servers {
			if sv.ready.Now() {
				return fmt.Errorf("%s: %w", sv.node.Name, errAlive)
			}
		}
		return nil
	})
}
