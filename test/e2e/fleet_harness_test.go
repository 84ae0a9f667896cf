//go:build e2e

package e2e

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/etcd-restore/etcd-restore/test/e2e/lab"
)

// What the scenarios of a whole control plane stand on tells the truth, too.
func TestFleetHarness(t *testing.T) {
	f := setUpFleet(t)
	f.save(t)
	t.Run("a workstation goes to the nodes", func(t *testing.T) {
		for _, n := range f.Nodes() {
			r := f.work.Run(t, "ssh", "-F", f.work.Path("ssh_config"), n.Name, "hostname")
			if r.Code != 0 || strings.TrimSpace(r.Stdout) != n.Name {
				t.Errorf("%s: %+v", n.Name, r)
			}
		}
		if r := f.work.Shell(t, "kubectl get nodes -o name; tty || true"); strings.Count(r.Stdout, "node/") != 3 || !strings.Contains(r.Stdout, "not a tty") {
			t.Errorf("%+v", r)
		}
	})
	t.Run("a workstation dies with all it started", func(t *testing.T) {
		p := f.work.Start(t, "bash", "-c", "setsid ssh -F ssh_config cp2 'echo there; touch /root/up; trap \"rm /root/up\" EXIT; cat' & wait")
		p.Until(t, "there")
		p.Kill()
		f.eventually(t, func(ctx context.Context) error {
			if r, err := f.Node(2).Try(ctx, "pgrep", "-x", "cat"); err != nil || r.Code == 0 {
				return errors.Join(err, errors.New("its ssh is still there"))
			}
			return nil
		})
		p = f.work.Start(t, "bash", "-c", "trap 'echo stopped; exit 7' INT; echo up; sleep 100 & wait")
		p.Until(t, "up")
		p.Interrupt(t)
		if r := p.Wait(t); r.Code != 7 || !strings.Contains(r.Stdout, "stopped") {
			t.Errorf("%+v", r)
		}
	})
	t.Run("what comes by ssh is held", func(t *testing.T) {
		n := f.Node(2)
		n.Write(t, "/root/stand-in", []byte(standIn), 0o600)
		hold := n.HoldSSH(t, "intent:phase3/")
		p := f.work.Start(t, "ssh", "-F", f.work.Path("ssh_config"), n.Name, "setsid perl /root/stand-in >/dev/null 2>&1 </dev/null & disown; echo left")
		p.Until(t, "left")
		hold.Wait(t)
		p.Kill()
		if lines := n.Journal(t, ""); len(lines) != 3 {
			t.Errorf("%d lines", len(lines))
		}
		hold.Release(t)
		f.eventually(t, func(context.Context) error {
			if r := n.Run(t, "test", "-e", "/root/deed-9"); r.Code != 0 {
				return errors.New("it does not go on")
			}
			return nil
		})
		n.Shell(t, `rm -r "$1" /root/deed-* /root/stand-in`, lab.RunsDir)
	})
	t.Run("a node is cut off", func(t *testing.T) {
		n := f.Node(3)
		reach := func(from *lab.Node, to string) bool {
			return from.Run(t, "timeout", "1", "bash", "-c", "exec 3<>/dev/tcp/"+to).Code == 0
		}
		n.Cut(t)
		if reach(n, f.node.Address(t)+"/6443") || reach(f.node, n.Address(t)+"/2380") || !reach(f.Node(2), f.node.Address(t)+"/2379") {
			t.Error("it is cut off from somebody else")
		}
		if !reach(n, strings.TrimSuffix(n.Address(t), "13")+"1/6443") || f.work.Run(t, "ssh", "-F", f.work.Path("ssh_config"), n.Name, "true").Code != 0 {
			t.Error("it is cut off from the workstation")
		}
		f.eventually(t, func(context.Context) error {
			if f.servers[2].ready.Now() {
				return errors.New("an API server whose etcd is alone is ready")
			}
			return nil
		})
		n.Heal(t)
		f.everyReady(t)
		n.CutAll(t)
		if reach(n, strings.TrimSuffix(n.Address(t), "13")+"1/6443") || f.work.Run(t, "ssh", "-o", "ConnectTimeout=1", "-F", f.work.Path("ssh_config"), n.Name, "true").Code == 0 {
			t.Error("it is not cut off from the workstation")
		}
		n.Heal(t)
		f.requireOld(t)
		if n := f.history.Clusters(); n != 1 {
			t.Errorf("%d clusters", n)
		}
	})
	t.Run("given up where a node is cut off", func(t *testing.T) {
		f.planByHand(t)
		began := time.Now()
		f.Node(3).Cut(t)
		for _, r := range f.everywhere(t, node("run", planFile, "--yes", "--meet-timeout", "20s")...) {
			requireCode(t, rolledBack, r)
		}
		f.Node(3).Heal(t)
		longest, from := f.history.Gap(began)
		t.Logf("nobody could write for %.1f s from %v on", longest.Seconds(), from.Format(time.TimeOnly))
		f.requireOld(t)
	})
}
