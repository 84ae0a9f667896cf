package salvage

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/etcd-restore/etcd-restore/pkg/datadir"
	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// Who votes is known with the raft snapshots, where etcd 3.4 alone writes it, and
// without them.
func TestMissingSnap(t *testing.T) {
	t.Parallel()
	for _, v := range etcdtest.Servers() {
		t.Run(string(v), func(t *testing.T) {
			t.Parallel()
			c := etcdtest.New(t, etcdtest.Config{Version: v, Size: 3, Args: []string{"--snapshot-count=20"}})
			c.Start(t)
			client := c.Client(t)
			for range 120 {
				if _, err := client.Put(t.Context(), "key", "value"); err != nil {
					t.Fatal(err)
				}
			}
			c.Kill(t)
			dirs := []string{c.Members[0].DataDir, c.Members[1].DataDir}
			with, first := salvaged(t, Config{Sources: sources(dirs...)})
			if !with.Complete || len(with.Configurations) != 1 || with.Configurations[0].Quorum != 2 || len(with.Configurations[0].Voters) != 3 {
				t.Errorf("%+v", with)
			}
			removed := 0
			var bare []string
			for i, dir := range dirs {
				bare = append(bare, filepath.Join(t.TempDir(), c.Members[i].Name))
				if err := os.CopyFS(bare[i], os.DirFS(dir)); err != nil {
					t.Fatal(err)
				}
				snaps, err := filepath.Glob(filepath.Join(datadir.SnapDir(bare[i]), "*.snap"))
				if err != nil {
					t.Fatal(err)
				}
				for _, snap := range snaps {
					remove(t, snap)
					removed++
				}
			}
			if removed == 0 {
				t.Fatal("there was no raft snapshot")
			}
			without, second := salvaged(t, Config{Sources: sources(bare...)})
			last := len(without.Configurations) - 1
			if diff := cmp.Diff(with.Configurations[0].Voters, without.Configurations[last].Voters); diff != "" || !without.Complete {
				t.Errorf("without raft snapshots (-with +without)\n%s%+v", diff, without)
			}
			if diff := cmp.Diff(keys(t, first), keys(t, second)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
