package staticpod_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/etcd-restore/etcd-restore/pkg/staticpod"
)

// folder makes a folder of manifests like that of a control-plane node.
func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "etcd.yaml", string(load(t, "kubeadm-1.37.yaml").Bytes()))
	for _, name := range []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler"} {
		write(t, dir, name+".yaml", "apiVersion: v1\nkind: Pod\nmetadata:\n  name: "+name+"\n  namespace: kube-system\nspec:\n  containers: [{name: x, command: ["+name+"]}]\n")
	}
	write(t, dir, ".etcd.yaml.swp", "what an editor leaves")
	return dir
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, dir string) *staticpod.Folder {
	t.Helper()
	f, err := staticpod.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestFolder(t *testing.T) {
	t.Parallel()
	f := read(t, folder(t))
	if findings := f.Findings(); len(findings) != 0 {
		t.Errorf("findings in a clean folder: %+v", findings)
	}
	for _, name := range []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"} {
		if file, err := f.Component(name); err != nil || file.Name != name+".yaml" {
			t.Errorf("%s is %q, %v", name, file.Name, err)
		}
	}
}

func TestFindings(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	write(t, dir, "etcd.yaml.bak", string(load(t, "kubeadm-1.35.yaml").Bytes()))
	write(t, dir, "README", "nothing here")
	write(t, dir, "other.yml", "apiVersion: v1\nkind: Pod\nmetadata: {name: other}\n")
	for _, err := range []error{
		os.Mkdir(filepath.Join(dir, "backup"), 0o700),
		os.Symlink("other.yml", filepath.Join(dir, "link.yaml")),
		os.Symlink("nowhere", filepath.Join(dir, "dangling.yaml")),
		unix.Mkfifo(filepath.Join(dir, "pipe.yaml"), 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	f := read(t, dir)
	var got []string
	for _, finding := range f.Findings() {
		got = append(got, finding.File+": "+string(finding.Problem))
	}
	want := []string{
		"README: malformed", "backup: directory", "dangling.yaml: link", "dangling.yaml: unreadable",
		"etcd.yaml.bak: name", "etcd.yaml.bak: duplicate", "link.yaml: link", "other.yml: duplicate", "pipe.yaml: special",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	_, err := f.Component("etcd")
	if hint := (interface{ Hint() string })(nil); !errors.Is(err, staticpod.ErrSeveral) || !errors.As(err, &hint) || !strings.Contains(hint.Hint(), "move") {
		t.Errorf("two files run etcd: %v", err)
	}
}

func TestMissing(t *testing.T) {
	t.Parallel()
	empty := t.TempDir()
	if _, err := read(t, empty).Component("etcd"); !errors.Is(err, staticpod.ErrNoEtcd) {
		t.Errorf("got %v, want ErrNoEtcd", err)
	}
	if _, err := read(t, empty).Component("kube-apiserver"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want ErrNotExist", err)
	}
	if _, err := staticpod.Read(filepath.Join(empty, "nothing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want ErrNotExist", err)
	}
}
