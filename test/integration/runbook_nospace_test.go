package integration

import (
	"path/filepath"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// A cluster that is full of old revisions writes again, with every key that it had.
func TestRunbookNoSpace(t *testing.T) {
	eachVersion(t, func(t *testing.T, v etcdtest.Version) {
		c := etcdtest.New(t, etcdtest.Config{Version: v, Size: 3, Args: []string{"--quota-backend-bytes", "1000000"}})
		c.Start(t)
		fill(t, c)
		want := c.Keys(t, 0)
		snapshot := filepath.Join(t.TempDir(), "nospace.db")
		r := openRunbook(t, "nospace.md", map[string]string{
			"SNAPSHOT": snapshot, "LEADER": c.Members[0].ClientURL,
			"FOLLOWERS":         c.Members[1].ClientURL + " " + c.Members[2].ClientURL,
			"ETCDCTL_ENDPOINTS": c.Endpoints()[0],
		})
		requireSays(t, r.follow(), "alarm:NOSPACE", "saved at "+snapshot, "compacted revision", "Finished defragmenting")

		r.verify(len(c.Members))
		requireAlarm(t, c, pb.AlarmType_NONE)
		if diff := etcdtest.Diff(want, c.Keys(t, 0)); diff != "" {
			t.Error(diff)
		}
		requireWrite(t, c.Client(t), "after", c.Members[0].Revision(t)+1)
	})
}
