//go:build e2e

package e2e

import (
	"slices"
	"testing"
	"time"

	"github.com/etcd-restore/etcd-restore/test/e2e/lab"
)

// standIn keeps a journal as the plugin does, in one process: a line, fsync, a deed.
const standIn = `use IO::Handle;
my $dir = "/var/lib/etcd-restore/20260101T000000Z-aaaaaa";
mkdir "/var/lib/etcd-restore"; mkdir $dir;
open(my $j, ">>", "$dir/journal.jsonl") or die;
for my $n (1..9) {
	print $j "{\"seq\":$n,\"event\":\"intent\",\"step\":\"phase$n/step\"}\n"; $j->flush; $j->sync or die;
	open(my $deed, ">", "/root/deed-$n") or die;
}`

// The harness tells the truth: what it breaks is broken, what it measures happened.
func TestHarness(t *testing.T) {
	s := setUp(t, lab.Options{})
	s.save(t)
	program := []string{"perl", "-e", standIn}
	deeds := func() int {
		return len(s.node.Shell(t, `shopt -s nullglob; for d in /root/deed-*; do printf x; done; rm -f /root/deed-*`))
	}

	t.Run("stops a program at a line", func(t *testing.T) {
		for _, line := range []string{"3", "intent:phase3/"} {
			r, reached := s.node.RunUntil(t, line, program...)
			journal := s.node.Journal(t, "")
			if n := deeds(); !reached || len(journal) != 3 || journal[2].Phase() != "phase3" || n != 2 {
				t.Errorf("%s: reached: %v, %d, lines %v, deeds %d\n%s", line, reached, r.Code, journal, n, r.Stderr)
			}
			s.node.Must(t, "rm", "-r", lab.RunsDir)
		}
	})
	t.Run("changes the world meanwhile", func(t *testing.T) {
		r := s.node.RunHeld(t, "5", func() { s.node.Must(t, "touch", "/root/deed-x") }, program...)
		if n := deeds(); r.Code != 0 || n != 10 {
			t.Errorf("ended with %d, deeds %d\n%s", r.Code, n, r.Stderr)
		}
		s.node.Must(t, "rm", "-r", lab.RunsDir)
	})
	t.Run("measures", func(t *testing.T) {
		began := time.Now()
		s.node.StopControlPlane(t)
		stopped := time.Now()
		running, err := s.node.Containers(t.Context())
		if err != nil || slices.Contains(running, "etcd") || !slices.Contains(running, "pause") {
			t.Errorf("these run: %v, %v", running, err)
		}
		s.node.StartControlPlane(t)
		s.wait(t, 2*time.Minute)
		if down := s.ready.Downtime(began); down < time.Second || down > time.Since(began) {
			t.Errorf("down for %v of %v", down, time.Since(began))
		} else {
			t.Logf("stopped in %v, down for %v", stopped.Sub(began), down)
		}
		s.requireOld(t)
	})
	t.Run("pulls the plug at a line", func(t *testing.T) {
		s.node.PowerOffAt(t, "intent:phase7/", program...)
		if s.ready.Now() && s.node.KubeletPID(t) != 0 {
			t.Error("the node is up")
		}
		s.node.PowerOn(t)
		if n := deeds(); len(s.node.Journal(t, "")) != 7 || n != 6 {
			t.Errorf("%d lines, %d deeds", len(s.node.Journal(t, "")), n)
		}
		s.requireOld(t)
	})
	t.Run("restarts the kubelet", func(t *testing.T) {
		old := s.node.KubeletPID(t)
		s.node.RestartKubelet(t)
		if now := s.node.KubeletPID(t); now == old || now == 0 {
			t.Errorf("it was %d and is %d", old, now)
		}
	})
	t.Run("asks kubeadm", func(t *testing.T) { s.requireKubeadm(t, s.DataDir()) })
	t.Run("disguises a manifest", func(t *testing.T) {
		s.node.EditManifest(t, "etcd.yaml", func(text string) string { return lab.CRLF(lab.Comment(text)) })
		s.node.StopControlPlane(t)
		s.node.StartControlPlane(t)
		s.manifests = s.node.Manifests(t)
		s.requireOld(t)
	})
	t.Run("crash loop", func(t *testing.T) {
		before := s.node.Manifests(t)["etcd.yaml"]
		s.node.CrashLoop(t, 1)
		s.down(t)
		s.node.Write(t, lab.ManifestDir+"/etcd.yaml", []byte(before), 0o600)
		s.requireOld(t)
	})
	t.Run("own disk", func(t *testing.T) {
		s.node.OwnDisk(t, "300M")
		s.requireOld(t)
		s.node.FillDisk(t, s.DataDir(), 1<<20)
		if r := s.node.Run(t, "fallocate", "-l", "2M", s.DataDir()+"/more"); r.Code == 0 {
			t.Error("the disk is not full")
		}
		s.node.Must(t, "rm", "-f", s.DataDir()+"/more")
		s.node.Room(t, s.DataDir())
	})
	t.Run("loses data", func(t *testing.T) {
		s.node.LoseData(t, 2)
		s.down(t)
	})
}
