package staticpod_test

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/etcd-restore/etcd-restore/pkg/staticpod"
)

// Whatever the manifest: an edit of a hostPath changes nothing else that it says,
// keeps every byte around the path, and the way back gives the pod back.
func FuzzEdit(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("testdata", "*.*"))
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text, "/var/lib/etcd-new")
	}
	f.Add([]byte(pod("command: [etcd]", "- {name: a, hostPath: &h {path: &p /x}}\n- {name: b, hostPath: {<<: *h}}\n- {name: c, hostPath: {path: *p}}")), "/y: #")
	f.Fuzz(func(t *testing.T, text []byte, path string) {
		m, err := staticpod.Parse(text)
		if err != nil {
			return
		}
		if s, err := m.Storage(); err == nil {
			_, _ = m.Edits(s, path, "") // must not panic
		}
		for i, v := range m.Pod.Volumes {
			edit := staticpod.Edit{Volume: v.Name, From: v.HostPath, To: path}
			edited, err := m.Apply(edit)
			if err != nil {
				continue
			}
			requireOnly(t, m, edited, i, path)
			if back, err := edited.Apply(staticpod.Edit{Volume: v.Name, From: path, To: v.HostPath}); err == nil {
				requireOnly(t, m, back, i, v.HostPath)
			}
		}
	})
}

// requireOnly compares two pods but for the hostPath of one volume, and their
// texts but for one stretch.
func requireOnly(t *testing.T, a, b *staticpod.Manifest, volume int, path string) {
	t.Helper()
	want := a.Pod
	want.Volumes = append([]staticpod.Volume(nil), a.Pod.Volumes...)
	want.Volumes[volume].HostPath = path
	if !reflect.DeepEqual(want, b.Pod) {
		t.Fatalf("the pod is  %+v\nand should be %+v", b.Pod, want)
	}
	before, after := a.Bytes(), b.Bytes()
	n := 0
	for n < len(before) && n < len(after) && before[n] == after[n] {
		n++
	}
	// The rest of the line may differ in length, what follows may not differ at all.
	tail := lineAfter(before, n)
	if !bytes.HasSuffix(after, tail) {
		t.Fatalf("behind the path, %q became %q", before[n:], after[n:])
	}
}

// lineAfter is what follows the line that byte n is in. A quoted path can go over
// lines; the last of them is meant then, and nothing is claimed.
func lineAfter(text []byte, n int) []byte {
	if i := bytes.IndexByte(text[n:], '\n'); i >= 0 && !bytes.ContainsAny(text[n:n+i], "\\") {
		return text[n+i:]
	}
	return nil
}
