package lab

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// ManifestDir is the kubelet's folder.
const ManifestDir = "/etc/kubernetes/manifests"

// Disk is where a file of the node is on this machine, whether the node is on or
// off. It panics for a folder that a node does not have of its own, and does not see
// what the node mounts over its disks.
func (n *Node) Disk(path string) string {
	for _, own := range []struct{ node, disk string }{
		{"/etc/kubernetes", "etc-kubernetes"},
		{"/var/lib", "var-lib"},
		{"/var/log", "var-log"},
		{"/opt", "opt"},
		{"/root", "root"},
		{"/tmp", "tmp"},
	} {
		if rest, ok := strings.CutPrefix(path, own.node); ok && (rest == "" || rest[0] == '/') {
			return filepath.Join(n.lab.dir, "nodes", n.Name, own.disk, rest)
		}
	}
	panic("a node has no disk of its own for " + path)
}

// Read reads a file from the node's disk.
func (n *Node) Read(t etcdtest.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(n.Disk(path))
	if err != nil {
		t.Fatalf("%v", err)
	}
	return content
}

// Write writes a file to the node's disk. It is there at once and whole, as the
// kubelet wants it.
func (n *Node) Write(t etcdtest.T, path string, content []byte, mode fs.FileMode) {
	t.Helper()
	target := n.Disk(path)
	// Beside its folder: everything in that of the manifests is a pod.
	part := filepath.Dir(target) + ".part"
	err := errors.Join(
		os.MkdirAll(filepath.Dir(target), 0o755),
		os.WriteFile(part, content, mode),
		os.Chmod(part, mode),
	)
	if err == nil {
		err = os.Rename(part, target)
	}
	if err != nil {
		t.Fatalf("%v", err)
	}
}

// CopyTo copies a file of the node's disk to another place of this machine, which may be
// another node's disk.
func (n *Node) CopyTo(t etcdtest.T, path, to string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "cp", "--reflink=auto", n.Disk(path), to).CombinedOutput()
	if err != nil {
		t.Fatalf("copy %s of %s: %v\n%s", path, n.Name, err, out)
	}
}

// Manifests is what stands in the kubelet's folder, byte for byte.
func (n *Node) Manifests(t etcdtest.T) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(n.Disk(ManifestDir))
	if err != nil {
		t.Fatalf("%v", err)
	}
	all := map[string]string{}
	for _, e := range entries {
		all[e.Name()] = string(n.Read(t, filepath.Join(ManifestDir, e.Name())))
	}
	return all
}

// EditManifest changes a manifest, which starts its pod again.
func (n *Node) EditManifest(t etcdtest.T, name string, edit func(string) string) {
	t.Helper()
	path := filepath.Join(ManifestDir, name)
	before := string(n.Read(t, path))
	after := edit(before)
	if before == after {
		t.Fatalf("the edit does not change %s:\n%s", name, before)
	}
	n.Write(t, path, []byte(after), 0o600)
}

// RunsDir is where the plugin keeps its runs.
const RunsDir = "/var/lib/etcd-restore"

// Runs are the names of the plugin's runs, the oldest first.
func (n *Node) Runs(t etcdtest.T) []string {
	t.Helper()
	journals, err := filepath.Glob(filepath.Join(n.Disk(RunsDir), "*", "journal.jsonl"))
	if err != nil {
		t.Fatalf("%v", err)
	}
	var names []string
	for _, j := range journals {
		names = append(names, filepath.Base(filepath.Dir(j)))
	}
	slices.Sort(names)
	return names
}

// keepRuns copies the plugin's runs and the manifests beside the logs.
func (n *Node) keepRuns(folder string) {
	for path, name := range map[string]string{RunsDir: "runs", ManifestDir: "manifests"} {
		_ = os.CopyFS(filepath.Join(folder, name), os.DirFS(n.Disk(path))) // as far as there are any
	}
}
