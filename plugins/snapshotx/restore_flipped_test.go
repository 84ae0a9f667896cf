package snapshotx_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// A flipped bit in a file without a trailer is refused, or is where it does not
// hurt: then etcd serves what restore made of it.
func TestFlippedBitWithoutTrailer(t *testing.T) {
	t.Parallel()
	whole := read(t, kubernetesSnapshot(t))
	db := whole[:len(whole)-32]
	random := rand.New(rand.NewPCG(8, 13))
	accepted := 0
	const tries, boots = 150, 4
	for i := range tries {
		at := random.IntN(len(db))
		if i < 40 {
			at = random.IntN(6 * 4096) // meta pages and what comes first
		}
		flipped := bytes.Clone(db)
		flipped[at] ^= 1 << random.IntN(8)
		dir := t.TempDir()
		file := filepath.Join(t.TempDir(), "db")
		content(flipped...)(t, file)
		args := []string{"restore", file, "--skip-hash-check", "--data-dir", filepath.Join(dir, "m"), "--name", "m1"}
		if i%3 == 0 {
			args = append(args, "--compact")
		}
		got := run(t, args...)
		if got.code != 0 {
			refused(t, got, 5, "")
			holds(t, dir)
			continue
		}
		accepted++
		if accepted > boots {
			continue
		}
		t.Run(fmt.Sprint("boot with a bit flipped at ", at), func(t *testing.T) {
			t.Parallel()
			c := etcdtest.New(t, etcdtest.Config{Version: etcdtest.V37})
			c.Members[0].DataDir = filepath.Join(dir, "m")
			c.Start(t)
			if _, err := c.Client(t).Put(t.Context(), "after", "the restore"); err != nil {
				t.Error(err)
			}
		})
	}
	if accepted < boots || accepted > tries-10 {
		t.Errorf("%d of %d flipped bits accepted: too few to boot, or none refused", accepted, tries)
	}
}
