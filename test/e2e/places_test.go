//go:build e2e

package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/etcd-restore/etcd-restore/test/e2e/lab"
)

const waitBoot = 2 * time.Minute // for an API server after a boot

// The data directory is a mount point: the new one is inside, on the same disk.
func TestMountPoint(t *testing.T) {
	s := setUp(t, lab.Options{})
	s.node.OwnDisk(t, "1G")
	s.wait(t, waitBoot)
	s.save(t)
	requireCode(t, done, s.run(t, restore()...))
	s.requireRestored(t)
	dir := s.requireMoved(t)
	if !strings.HasPrefix(dir, s.DataDir()+"/") {
		t.Errorf("the data are in %s, not on the disk that is mounted at %s", dir, s.DataDir())
	}
	s.requireKubeadm(t, dir)
}

func TestCustomDataDir(t *testing.T) {
	s := setUp(t, lab.Options{DataDir: "/var/lib/storage/etcd/data"})
	s.save(t)
	requireCode(t, done, s.run(t, restore()...))
	s.requireRestored(t)
	dir := s.requireMoved(t)
	if !strings.HasPrefix(dir, "/var/lib/storage/etcd/") {
		t.Errorf("the data are in %s", dir)
	}
	s.requireKubeadm(t, dir)
}

// The directories change their names, and no manifest changes.
func TestSwap(t *testing.T) {
	s := setUp(t, lab.Options{})
	s.save(t)
	requireCode(t, done, s.run(t, restore("--data-dir-mode=swap")...))
	s.requireRestored(t)
	s.requireManifests(t)
	s.requireKubeadm(t, s.DataDir())
}

// A manifest that people have written in keeps every byte of it.
func TestDisguisedManifest(t *testing.T) {
	t.Parallel()
	for name, disguise := range map[string]func(string) string{
		"comments": lab.Comment,
		"CRLF":     func(text string) string { return lab.CRLF(lab.Comment(text)) },
	} {
		t.Run(name, func(t *testing.T) {
			s := setUp(t, lab.Options{})
			s.node.EditManifest(t, "etcd.yaml", disguise) // the pod is the same, and goes on
			s.save(t)
			requireCode(t, done, s.run(t, restore()...))
			s.requireRestored(t)
			s.requireMoved(t)
		})
	}
}

// A copy of the manifest in the kubelet's folder is a second etcd: it is reported, and
// nothing is done until it has gone.
func TestBackupInManifests(t *testing.T) {
	s := setUp(t, lab.Options{})
	s.save(t)
	s.node.Stray(t, "etcd.yaml.backup")
	s.manifests = s.node.Manifests(t)
	r := s.run(t, restore()...)
	requireCode(t, refused, r)
	if !strings.Contains(r.Stderr, "etcd.yaml.backup") {
		t.Errorf("it does not say which file:\n%s", r.Stderr)
	}
	s.requireManifests(t)
	s.node.Must(t, "mv", lab.ManifestDir+"/etcd.yaml.backup", "/root/")
	s.manifests = s.node.Manifests(t)
	s.requireOld(t)
	requireCode(t, done, s.run(t, restore()...))
	s.requireRestored(t)
}
