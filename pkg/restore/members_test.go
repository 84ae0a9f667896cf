package restore_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/etcd-restore/etcd-restore/pkg/datadir"
	"github.com/etcd-restore/etcd-restore/pkg/membership"
	"github.com/etcd-restore/etcd-restore/pkg/restore"
	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
	"github.com/etcd-restore/etcd-restore/test/bench/fixture"
)

// The db of a member that runs for a while is larger than what it uses: bbolt
// grows the file in steps. All members must get all of what is used, whatever
// lies behind it.
func TestMembersOfADatabaseWithRoomBehind(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	whole := filepath.Join(dir, "snapshot.db")
	if err := fixture.Write(whole, fixture.Options{Keys: 500, Bytes: 2 << 20}); err != nil {
		t.Fatal(err)
	}
	db, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	db = db[:len(db)-snapshot.TrailerSize]
	raw := filepath.Join(dir, "db")
	if err := os.WriteFile(raw, append(db, make([]byte, 16<<20)...), 0o600); err != nil {
		t.Fatal(err)
	}

	cluster, err := membership.New("m1=http://h1:2380,m2=http://h2:2380,m3=http://h3:2380", "t", nil)
	if err != nil {
		t.Fatal(err)
	}
	cfg := restore.Config{Path: raw, Cluster: cluster, SkipHashCheck: true, Parent: filepath.Join(dir, "out")}
	for i := range 3 {
		name := fmt.Sprintf("m%d", i+1)
		cfg.Targets = append(cfg.Targets, restore.Target{Member: name, DataDir: filepath.Join(cfg.Parent, name)})
	}
	plan, err := restore.Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	var first []byte
	for _, m := range plan.Members {
		path := datadir.DBPath(m.DataDir)
		f, err := snapshot.Open(path)
		if err != nil {
			t.Fatalf("%s: %v", m.Name, err)
		}
		if err := f.CheckStructure(t.Context(), nil); err != nil {
			t.Errorf("%s: %v", m.Name, err)
		}
		f.Close()
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = got
		}
		if !bytes.Equal(got, first) {
			t.Errorf("the db of %s is not that of %s", m.Name, plan.Members[0].Name)
		}
		if int64(len(got)) != m.Size || len(got) > len(db)+(1<<20) {
			t.Errorf("the db of %s has %d bytes, reported are %d, the snapshot has %d", m.Name, len(got), m.Size, len(db))
		}
	}
}
