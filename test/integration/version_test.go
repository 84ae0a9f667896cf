package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// TestUpgradeAfterRestore restores the newest snapshot for each older version
// and then lives through the upgrades to the newest, one at a time, on the
// restored directories. A mark that one version leaves and the next refuses
// would end it.
func TestUpgradeAfterRestore(t *testing.T) {
	t.Parallel()
	versions := etcdtest.Servers()
	for i, target := range versions {
		t.Run("from "+string(target), func(t *testing.T) {
			t.Parallel()
			s := sourceOf(t, etcdtest.V37)
			c := etcdtest.New(t, etcdtest.Config{Version: target, Size: 3, Args: snapshotOften()})
			p := restoreAll(t, c, s.file, "--target-version", string(target))
			rev := upgrade(t, c, target, p.Revision.Restored)
			for _, v := range versions[i+1:] {
				c.Stop(t)
				c = successor(t, c, v)
				rev = upgrade(t, c, v, rev)
			}
			requireMembers(t, c, p)
			requireContent(t, c, s, p.Revision.Restored)
			requireSameHash(t, c, rev)
		})
	}
}

// TestUpgradeOfOldSnapshot does the same with a snapshot of each version on
// that very version, restored without any mark.
func TestUpgradeOfOldSnapshot(t *testing.T) {
	t.Parallel()
	versions := etcdtest.Servers()
	for i, from := range versions[:len(versions)-1] {
		t.Run("from "+string(from), func(t *testing.T) {
			t.Parallel()
			s := sourceOf(t, from)
			c := etcdtest.New(t, etcdtest.Config{Version: from, Args: snapshotOften()})
			p := restoreOne(t, c, s.file)
			rev := upgrade(t, c, from, p.Revision.Restored)
			for _, v := range versions[i+1:] {
				c.Stop(t)
				c = successor(t, c, v)
				rev = upgrade(t, c, v, rev)
			}
			requireMembers(t, c, p)
			requireContent(t, c, s, p.Revision.Restored)
		})
	}
}

// TestWithoutTargetVersion shows why --target-version exists: etcd 3.6 refuses
// a database that 3.7 has marked, at once or after a detour over 3.5, which
// leaves the mark alone.
func TestWithoutTargetVersion(t *testing.T) {
	t.Parallel()
	for name, detour := range map[string]bool{"at once": false, "after 3.5": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := sourceOf(t, etcdtest.V37)
			c := etcdtest.New(t, etcdtest.Config{Version: etcdtest.V35, Args: snapshotOften()})
			p := restoreOne(t, c, s.file)
			if detour {
				upgrade(t, c, etcdtest.V35, p.Revision.Restored)
				c.Stop(t)
			}
			c = successor(t, c, etcdtest.V36)
			c.Members[0].Start(t)
			if err := c.Members[0].Wait(t); err == nil {
				t.Error("etcd 3.6 ended well on a database of 3.7")
			}
			if !logged(t, c.Members[0], `\"3.7.0\" is not supported`) {
				t.Errorf("etcd 3.6 did not refuse the version:\n%s", c.Members[0].LogTail(20))
			}
		})
	}
}

// successor is the cluster c with the servers of another version, not started.
func successor(t *testing.T, c *etcdtest.Cluster, v etcdtest.Version) *etcdtest.Cluster {
	t.Helper()
	next := etcdtest.New(t, etcdtest.Config{Version: v, Size: len(c.Members), Args: snapshotOften()})
	for i, old := range c.Members {
		m := next.Members[i]
		m.Name, m.PeerURL, m.ClientURL, m.DataDir, m.WALDir = old.Name, old.PeerURL, old.ClientURL, old.DataDir, old.WALDir
	}
	return next
}

const writesBetweenSnapshots = 10

// snapshotOften makes members save a raft snapshot after a few writes. One has
// to lie between 3.5 and 3.7, of any cluster: 3.7 cannot read requests that 3.5
// has logged, and panics.
func snapshotOften() []string {
	return []string{"--snapshot-count", fmt.Sprint(writesBetweenSnapshots)}
}

// upgrade starts the members, writes from revision rev on until each has saved
// a raft snapshot, and waits until the cluster has taken on their version,
// which is when they mark the database. It returns the new revision.
func upgrade(t *testing.T, c *etcdtest.Cluster, v etcdtest.Version, rev int64) int64 {
	t.Helper()
	c.Start(t)
	client := c.Client(t)
	for range 2 * writesBetweenSnapshots {
		rev++
		requireWrite(t, client, "written by "+string(v), rev)
	}
	for _, m := range c.Members {
		awaitLog(t, m, "saved snapshot")
	}
	awaitVersion(t, c, v)
	return rev
}

func awaitVersion(t *testing.T, c *etcdtest.Cluster, v etcdtest.Version) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, m := range c.Members {
		client := m.Client(t)
		for last := ""; ; {
			last = clusterVersion(ctx, m)
			if v >= etcdtest.V36 && strings.HasPrefix(last, string(v)+".") {
				status, err := client.Status(ctx, m.ClientURL)
				if err != nil {
					t.Fatal(err)
				}
				last = status.StorageVersion
			}
			if strings.HasPrefix(last, string(v)+".") {
				break
			}
			select {
			case <-ctx.Done():
				t.Fatalf("%s still takes the cluster for one of %q, not %s", m.Name, last, v)
			case <-time.After(50 * time.Millisecond):
			}
		}
	}
}

func clusterVersion(ctx context.Context, m *etcdtest.Member) string {
	var version struct {
		Cluster string `json:"etcdcluster"`
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, m.ClientURL+"/version", nil)
	if err != nil {
		return err.Error()
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&version); err != nil {
		return err.Error()
	}
	return version.Cluster
}
