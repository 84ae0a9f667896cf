//go:build release

package release

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// requireArchives wants in each archive one program and all that goes with it, and unpacks
// those for this machine.
func requireArchives(t *testing.T, dist string) {
	for name, with := range map[string][]string{"kubectl-etcd_restore": {"kubectl_complete-etcd_restore"}, "etcdctl-snapshot-x": nil} {
		for _, system := range []string{"linux", "darwin"} {
			for _, arch := range []string{"amd64", "arm64"} {
				file := archive(name, system, arch)
				requireEntries(t, file, entries(t, filepath.Join(dist, file)), append([]string{name}, with...))
			}
		}
		unpacked := t.TempDir()
		run(t, unpacked, nil, "tar", "-xzf", filepath.Join(dist, archive(name, "linux", runtime.GOARCH)))
		requireVersion(t, run(t, unpacked, nil, "./"+name, "version"))
	}
}

// requireEntries wants programs, of which the first is the one that the archive is for, and
// its pages and completions; all of root, and nothing of the other program.
func requireEntries(t *testing.T, file string, has map[string]*tar.Header, programs []string) {
	t.Helper()
	program, page := programs[0], strings.ReplaceAll(programs[0], "_", "-")
	want := append([]string{"LICENSE", "README.md", "man/" + page + ".1.gz"}, programs...)
	for _, shell := range []string{"bash", "fish", "zsh"} {
		want = append(want, "completions/"+program+"."+shell)
	}
	for _, name := range want {
		if has[name] == nil {
			t.Errorf("%s: %s is missing", file, name)
		}
	}
	for name, h := range has {
		if mode := map[bool]int64{true: 0o755, false: 0o644}[slices.Contains(programs, name)]; h.Mode != mode || h.Uname != "root" || h.Gname != "root" {
			t.Errorf("%s: %s: mode %o, of %s:%s", file, name, h.Mode, h.Uname, h.Gname)
		}
		if !slices.Contains(want, name) && !strings.HasPrefix(name, "man/"+page+"-") {
			t.Errorf("%s: %s does not belong there", file, name)
		}
	}
}

func entries(t *testing.T, file string) map[string]*tar.Header {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	unzipped, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]*tar.Header{}
	for archive := tar.NewReader(unzipped); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all[h.Name] = h
	}
}
