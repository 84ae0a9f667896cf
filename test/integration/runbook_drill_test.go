package integration

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// A drill shows that what was restored is the snapshot, and leaves nothing behind.
func TestRunbookDrill(t *testing.T) {
	eachVersion(t, func(t *testing.T, v etcdtest.Version) {
		s := sourceOf(t, v)
		before := readFile(t, s.file)
		place := etcdtest.New(t, etcdtest.Config{Version: v}).Members[0] // two free ports
		folder := filepath.Join(t.TempDir(), "drill")
		r := openRunbook(t, "drill.md", map[string]string{
			"SNAPSHOT": s.file, "DRILL": folder, "PEER": place.PeerURL, "ETCDCTL_ENDPOINTS": place.ClientURL,
		})
		r.install("etcd", v)
		requireSays(t, r.followAll(), s.file+": OK", "is healthy",
			fmt.Sprintf("\n%d, %d, %d\n", s.hash, s.revision, s.compacted),
			fmt.Sprintf("\n%s, %d, ", place.ClientURL, s.hash),
			fmt.Sprintf("\n\"Count\" : %d\n", len(s.now)))

		if _, err := os.Stat(folder); !os.IsNotExist(err) {
			t.Errorf("the directory of the drill is still there: %v", err)
		}
		for _, url := range []string{place.PeerURL, place.ClientURL} {
			if conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://")); err == nil {
				conn.Close()
				t.Errorf("somebody still answers at %s", url)
			}
		}
		if !bytes.Equal(before, readFile(t, s.file)) {
			t.Error("the snapshot has changed (I1)")
		}
	})
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}
