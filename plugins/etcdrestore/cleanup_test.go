package etcdrestore

import (
	"strings"
	"testing"

	helperpod "github.com/etcd-restore/etcd-restore/pkg/transport/pod"
)

// TestCleanupWords: each thing that is gone has a line, which nothing breaks.
func TestCleanupWords(t *testing.T) {
	t.Parallel()
	upload := "/var/lib/etcd-restore/uploads/" + strings.Repeat("0f", 32) + ".db"
	got := cleanupReport{
		HelperPods: []helperpod.Swept{{Name: "etcd-restore-x7k2p", Node: "cp1"}},
		Nodes: []nodeCleanup{
			{Node: "cp1", Jobs: []string{"restore-20261126t120000z-4f2a"}, Files: []string{upload, "/var/lib/etcd-restore"}},
			{Node: "cp2"},
			{Node: "cp3", Error: "no connection\x1b[2J to the node"},
		},
	}.words()
	want := `removed helper pods:
  etcd-restore-x7k2p on cp1
cp1: removed static pods of
  restore-20261126t120000z-4f2a
cp1: removed
  ` + upload + `
  /var/lib/etcd-restore
cp2: nothing was left
cp3: no connection[2J to the node
`
	if got != want {
		t.Errorf("it says\n%s\nwant\n%s", got, want)
	}
}
