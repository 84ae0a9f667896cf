package preflight_test

import (
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/etcd-restore/etcd-restore/pkg/node"
	"github.com/etcd-restore/etcd-restore/pkg/preflight"
	"github.com/etcd-restore/etcd-restore/test/encryptiontest"
)

func TestEtcdManifest(t *testing.T) {
	t.Parallel()
	const folder = "/etc/kubernetes/manifests/"
	blind := []string{"EtcdFlags", "EtcdStorage", "EtcdVersion", "EtcdCertificateSANs", "Members", "MembersReachable", "SnapshotVersion", "Quota"}
	try(t, "EtcdManifest", map[string]wrong{
		"there": {change: func(*testing.T, *world) {}},
		"none": {
			change: func(t *testing.T, w *world) { must(t, os.Remove(w.node.Path(folder+"etcd.yaml"))) },
			want:   fails("nothing in"), also: blind,
		},
		"two": {
			change: func(t *testing.T, w *world) {
				text, err := os.ReadFile(w.node.Path(folder + "etcd.yaml"))
				must(t, err)
				w.write(t, folder+"etcd.yaml.bak", string(text))
			},
			want: fails("etcd.yaml.bak both run etcd"), also: append(blind, "ManifestFolder"),
		},
		"a link": {
			change: func(t *testing.T, w *world) {
				must(t, os.Rename(w.node.Path(folder+"etcd.yaml"), w.node.Path("/etc/kubernetes/etcd.yaml")))
				must(t, os.Symlink("../etcd.yaml", w.node.Path(folder+"etcd.yaml")))
			},
			want: fails("is no plain file"), also: []string{"ManifestFolder"},
		},
	})
}

func TestManifestFolder(t *testing.T) {
	t.Parallel()
	const folder = "/etc/kubernetes/manifests/"
	try(t, "ManifestFolder", map[string]wrong{
		"a hidden file":  {change: func(t *testing.T, w *world) { w.write(t, folder+".etcd.yaml.swp", "x") }},
		"a directory":    {change: func(t *testing.T, w *world) { w.mkdir(t, folder+"old") }, want: warnings("manifests/old does not belong there")},
		"a pipe":         {change: func(t *testing.T, w *world) { must(t, unix.Mkfifo(w.node.Path(folder+"pipe"), 0o600)) }, want: fails("manifests/pipe does not belong there")},
		"not a manifest": {change: func(t *testing.T, w *world) { w.write(t, folder+"notes.txt", "remember") }, want: fails("manifests/notes.txt does not belong there")},
		"a scheduler's backup": {
			change: func(t *testing.T, w *world) {
				text, err := os.ReadFile(w.node.Path(folder + "kube-scheduler.yaml"))
				must(t, err)
				w.write(t, folder+"kube-scheduler.yaml.orig", string(text))
			},
			want: fails("kube-scheduler.yaml.orig does not belong there", "kube-scheduler.yaml.orig does not belong there", "both run kube-scheduler"),
		},
		"no API server": {
			change: func(t *testing.T, w *world) { must(t, os.Remove(w.node.Path(folder+"kube-apiserver.yaml"))) },
			want:   fails("runs kube-apiserver"), also: []string{"EncryptionConfig", "Encryption"},
		},
	})
}

// The backup that somebody leaves beside the manifest is named, with the command.
func TestManifestFolderNamesTheCommand(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "kubeadm-1.37.yaml")
	text, err := os.ReadFile(w.node.Path("/etc/kubernetes/manifests/etcd.yaml"))
	must(t, err)
	w.write(t, "/etc/kubernetes/manifests/etcd backup", string(text))
	results, _ := w.results(t)
	for _, r := range results {
		if r.Check == "ManifestFolder" && r.Severity == preflight.Error {
			want := "move it away: mv '" + w.node.Path("/etc/kubernetes/manifests/etcd backup") + "' '" + w.node.Path("/etc/kubernetes/etcd backup.moved") + "'"
			if r.Hint != want {
				t.Errorf("hint: %s\nwant: %s", r.Hint, want)
			}
			return
		}
	}
	t.Error("nothing was found")
}

func TestManifestParking(t *testing.T) {
	t.Parallel()
	parking := func(path string) func(*testing.T, *world) {
		return asked(func(r *preflight.Request) { r.Parking = path })
	}
	cases := map[string]wrong{
		"deep, to be made": {change: parking("/etc/kubernetes/a/b")},
		"in the folder":    {change: parking("/etc/kubernetes/manifests/parked"), want: fails("is no place for manifests")},
		"nowhere":          {change: parking(""), want: fails("is no place for manifests")},
		"relative":         {change: parking("parked"), want: fails("is no place for manifests")},
		"below a file":     {change: parking("/root/snapshot.db/parked"), want: fails("snapshot.db")},
		"no folder at all": {change: fact(func(f *node.Facts) { f.Manifests.Err = errors.New("gone") }), want: skips("ManifestFolder"), also: []string{"ManifestFolder", "EncryptionConfig", "Encryption"}},
	}
	if os.Geteuid() == 0 {
		cases["another file system"] = wrong{
			change: func(t *testing.T, w *world) {
				mount(t, w, "/mnt", "tmpfs", "tmpfs", 0)
				w.request.Parking = "/mnt/parked"
			},
			want: fails("on different mounts"),
		}
		cases["another mount of the same"] = wrong{
			change: func(t *testing.T, w *world) {
				mount(t, w, "/mnt", w.node.Path("/root"), "", unix.MS_BIND)
				w.request.Parking = "/mnt/parked"
			},
			want: fails("on different mounts"),
		}
		cases["read-only"] = wrong{
			change: func(t *testing.T, w *world) {
				mount(t, w, "/etc/kubernetes", w.node.Path("/etc/kubernetes"), "", unix.MS_BIND)
				must(t, unix.Mount("", w.node.Path("/etc/kubernetes"), "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""))
			},
			want: fails("mounted read-only"),
		}
	}
	try(t, "ManifestParking", cases)
}

// mount mounts something on a directory of the node until the test ends.
func mount(t *testing.T, w *world, on, source, kind string, flags uintptr) {
	t.Helper()
	w.mkdir(t, on)
	must(t, unix.Mount(source, w.node.Path(on), kind, flags, ""))
	t.Cleanup(func() {
		if err := unix.Unmount(w.node.Path(on), unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
}

func TestEtcdFlags(t *testing.T) {
	t.Parallel()
	manifest := func(old, new string) func(*testing.T, *world) {
		return func(t *testing.T, w *world) { w.manifest(t, old, new) }
	}
	blind := []string{"EtcdStorage", "EtcdCertificateSANs", "Members", "Quota", "OldQuorum", "SameFilesystem", "SnapshotOrigin"}
	try(t, "EtcdFlags", map[string]wrong{
		"a configuration file": {change: manifest("--name=cp1", "--config-file=/etc/etcd.yaml"), want: fails("configured by a file"), also: blind},
		"a shell":              {change: manifest("    - etcd\n", "    - sh\n    - -c\n    - etcd\n"), want: fails("started by another program"), also: blind},
		"only the pod knows": {
			change: manifest("--name=cp1", "--name=$(NODE)\n    env: [{name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}]\n    args:\n    - --log-level=info"),
			want:   fails("--name"), also: blind,
		},
		"a quota that is no number": {change: manifest("--name=cp1", "--name=cp1\n    - --quota-backend-bytes=8G"), want: fails("8G"), also: blind},
	})
}

func TestEtcdStorage(t *testing.T) {
	t.Parallel()
	try(t, "EtcdStorage", map[string]wrong{
		"not on the node": {
			change: func(t *testing.T, w *world) { w.manifest(t, "--data-dir=/var/lib/etcd", "--data-dir=/data") },
			want:   fails("/data is in no volume"), also: []string{"SameFilesystem", "OldQuorum", "SnapshotOrigin"},
		},
		"a part of a volume": {
			change: func(t *testing.T, w *world) {
				w.manifest(t, "--data-dir=/var/lib/etcd", "--data-dir=/var/lib/etcd/data")
				must(t, os.Rename(w.node.Path("/var/lib/etcd"), w.node.Path("/var/lib/data")))
				w.mkdir(t, "/var/lib/etcd")
				must(t, os.Rename(w.node.Path("/var/lib/data"), w.node.Path("/var/lib/etcd/data")))
			},
			want: fails("a part of a larger volume"),
		},
		"the same, to be exchanged": {
			change: func(t *testing.T, w *world) {
				w.manifest(t, "--data-dir=/var/lib/etcd", "--data-dir=/var/lib/etcd/data")
				must(t, os.Rename(w.node.Path("/var/lib/etcd"), w.node.Path("/var/lib/data")))
				w.mkdir(t, "/var/lib/etcd")
				must(t, os.Rename(w.node.Path("/var/lib/data"), w.node.Path("/var/lib/etcd/data")))
				w.request.Swap, w.request.DataDir = true, "/var/lib/etcd/data-restored-x"
			},
		},
		"a mount point, to be exchanged": {
			change: func(_ *testing.T, w *world) {
				w.request.Swap = true
				w.facts = func(f *node.Facts) { f.Data.Dir.MountPoint = true }
			},
			want: fails("is a mount point"),
		},
		"gone": {
			change: func(t *testing.T, w *world) { must(t, os.RemoveAll(w.node.Path("/var/lib/etcd"))) },
			want:   warnings("/var/lib/etcd is gone"), also: []string{"SameFilesystem", "OldQuorum", "SnapshotOrigin"},
		},
		"destroyed": {
			change: func(t *testing.T, w *world) { w.write(t, "/var/lib/etcd/member/snap/db", "no more") },
			want:   warnings("cannot be read"), also: []string{"OldQuorum", "SnapshotOrigin"},
		},
	})
}

func TestEncryptionConfig(t *testing.T) {
	t.Parallel()
	with := func(config string, then func(*testing.T, *world)) func(*testing.T, *world) {
		return func(t *testing.T, w *world) {
			w.component(t, "kube-apiserver", "--encryption-provider-config="+config)
			then(t, w)
		}
	}
	nothing := func(*testing.T, *world) {}
	const file = "/etc/kubernetes/enc/config.yaml"
	try(t, "EncryptionConfig", map[string]wrong{
		"there":       {change: with("/etc/enc/config.yaml", func(t *testing.T, w *world) { w.write(t, file, encryptiontest.Config("secrets", "identity: {}")) })},
		"nonsense":    {change: with("/etc/enc/config.yaml", func(t *testing.T, w *world) { w.write(t, file, "kind: EncryptionConfiguration\n") }), want: fails("would not start"), also: []string{"Encryption"}},
		"missing":     {change: with("/etc/enc/config.yaml", nothing), want: fails("which is " + file + " on the node"), also: []string{"Encryption"}},
		"empty":       {change: with("/etc/enc/config.yaml", func(t *testing.T, w *world) { w.write(t, file, "") }), want: fails("it is empty"), also: []string{"Encryption"}},
		"a directory": {change: with("/etc/enc/config.yaml", func(t *testing.T, w *world) { w.mkdir(t, file) }), want: fails("it is no file"), also: []string{"Encryption"}},
		"in no mount": {change: with("/elsewhere/config.yaml", nothing), want: fails("is in no volume"), also: []string{"Encryption"}},
		"relative":    {change: with("config.yaml", nothing), want: fails("is relative"), also: []string{"Encryption"}},
	})
}
