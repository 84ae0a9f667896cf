package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The first ten minutes with any etcd, as they are pasted, change nothing.
func TestGettingStarted(t *testing.T) {
	t.Parallel()
	c, load := runbookCluster(t)
	r := openRunbook(t, filepath.Join("..", "getting-started.md"), map[string]string{
		"SNAPSHOT": "snap.db", "ETCDCTL_ENDPOINTS": strings.Join(c.Endpoints(), ","),
	})
	requireSays(t, r.followAll(), "saved at snap.db", "snap.db: OK", "Would restore snap.db")

	if _, err := os.Stat(filepath.Join(r.dir, "never-made")); !os.IsNotExist(err) {
		t.Errorf("a dry run has made its directory: %v", err)
	}
	requireRevision(t, c, load.Revision)
}
