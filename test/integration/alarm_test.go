package integration

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/protobuf/proto"

	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// TestNoSpaceAlarm fills a server up to its quota. The snapshot carries the
// alarm, which would make a restored cluster refuse every write.
func TestNoSpaceAlarm(t *testing.T) {
	eachVersion(t, func(t *testing.T, v etcdtest.Version) {
		full := etcdtest.New(t, etcdtest.Config{Version: v, Args: []string{"--quota-backend-bytes", "1000000"}})
		full.Start(t)
		fill(t, full)
		file := filepath.Join(t.TempDir(), "snap.db")
		save(t, full, file)
		revision := full.Members[0].Revision(t)
		full.Kill(t)

		restored := etcdtest.New(t, etcdtest.Config{Version: v})
		restoreOne(t, restored, file)
		restored.Start(t)
		requireAlarm(t, restored, pb.AlarmType_NONE)
		requireWrite(t, restored.Client(t), "after", revision+1)

		kept := etcdtest.New(t, etcdtest.Config{Version: v})
		restoreOne(t, kept, file, "--keep-alarms")
		kept.Start(t)
		requireAlarm(t, kept, pb.AlarmType_NOSPACE)
		if _, err := kept.Client(t).Put(t.Context(), "after", ""); !errors.Is(err, rpctypes.ErrNoSpace) {
			t.Errorf("write under the alarm that was kept: %v", err)
		}
	})
}

// TestCorruptAlarm puts the alarm into a database, since a server that raises it
// is hard to come by.
func TestCorruptAlarm(t *testing.T) {
	eachVersion(t, func(t *testing.T, v etcdtest.Version) {
		s := sourceOf(t, v)
		file := filepath.Join(t.TempDir(), "db")
		copyFile(t, filepath.Join(s.dataDir, "member", "snap", "db"), file)
		alarm, err := proto.Marshal(&pb.AlarmMember{MemberID: 0xabc, Alarm: pb.AlarmType_CORRUPT})
		if err != nil {
			t.Fatal(err)
		}
		db, err := bolt.Open(file, 0o600, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Update(func(tx *bolt.Tx) error { return tx.Bucket([]byte("alarm")).Put(alarm, nil) }); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}

		restored := etcdtest.New(t, etcdtest.Config{Version: v})
		p := restoreOne(t, restored, file, "--skip-hash-check")
		restored.Start(t)
		requireAlarm(t, restored, pb.AlarmType_NONE)
		requireContent(t, restored, s, 0)
		requireWrite(t, restored.Client(t), "after", p.Revision.Restored+1)

		// A server under this alarm refuses reads too, so it never gets ready.
		kept := etcdtest.New(t, etcdtest.Config{Version: v})
		restoreOne(t, kept, file, "--skip-hash-check", "--keep-alarms")
		kept.Members[0].Start(t)
		awaitLog(t, kept.Members[0], "serving client traffic")
		if _, err := kept.Client(t).Put(t.Context(), "after", ""); !errors.Is(err, rpctypes.ErrCorrupt) {
			t.Errorf("write under the alarm that was kept: %v", err)
		}
	})
}

// fill writes until the server refuses.
func fill(t *testing.T, c *etcdtest.Cluster) {
	t.Helper()
	client := c.Client(t)
	for range 100 {
		_, err := client.Put(t.Context(), "fill", strings.Repeat("x", 100_000))
		if errors.Is(err, rpctypes.ErrNoSpace) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("the quota was never reached")
}

// requireAlarm wants this alarm and no other; NONE is none.
func requireAlarm(t *testing.T, c *etcdtest.Cluster, want pb.AlarmType) {
	t.Helper()
	list, err := c.Client(t).AlarmList(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []pb.AlarmType
	for _, a := range list.Alarms {
		got = append(got, a.Alarm)
	}
	if len(got) > 1 || len(got) == 1 && got[0] != want || len(got) == 0 && want != pb.AlarmType_NONE {
		t.Errorf("alarms are %v, want %v", got, want)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	content, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, content, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}
