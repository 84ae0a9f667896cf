//go:build e2e

package e2e

import (
	"cmp"
	"flag"
	"strconv"
	"sync"
	"testing"

	"golang.org/x/sync/semaphore"

	"github.com/etcd-restore/etcd-restore/test/e2e/lab"
)

// room is what the machine has for clusters: -parallel of one node each.
var room = sync.OnceValues(func() (*semaphore.Weighted, int64) {
	size, err := strconv.ParseInt(flag.Lookup("test.parallel").Value.String(), 10, 64)
	if err != nil {
		panic(err) // the flag is a number
	}
	return semaphore.NewWeighted(size), size
})

// takeRoom waits until there is room for a cluster, and keeps it until the test and its
// cluster have ended. One of three nodes needs as much as two of one: much of what a node
// does is waiting.
func takeRoom(t *testing.T, o lab.Options) {
	t.Helper()
	s, size := room()
	need := min(int64(cmp.Or(o.Nodes, 1)+1)/2, size)
	must(t, s.Acquire(t.Context(), need))
	t.Cleanup(func() { s.Release(need) })
}
