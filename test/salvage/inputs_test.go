package salvage

import (
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// fingerprint is all that is to be seen of the directories of members: names,
// modes, times of change, and contents.
func fingerprint(t *testing.T, members []*etcdtest.Member) map[string]string {
	t.Helper()
	seen := make(map[string]string)
	for _, m := range members {
		for _, dir := range []string{m.DataDir, m.WALDir} {
			if dir == "" {
				continue
			}
			if err := addPrints(seen, dir); err != nil {
				t.Fatal(err)
			}
		}
	}
	return seen
}

func addPrints(seen map[string]string, dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		seen[path] = fmt.Sprint(info.Mode(), info.ModTime().UnixNano(), info.Size())
		if info.Mode().IsRegular() {
			sum, err := hash(path)
			seen[path] += fmt.Sprintf(" %x", sum)
			return err
		}
		return nil
	})
}

func hash(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, f)
	return h.Sum(nil), err
}

// requireUntouched wants the directories as they were (invariant I1).
func requireUntouched(t *testing.T, before map[string]string, members []*etcdtest.Member) {
	t.Helper()
	if diff := gocmp.Diff(before, fingerprint(t, members)); diff != "" {
		t.Errorf("salvage changed its inputs (-before +after):\n%s", diff)
	}
}
