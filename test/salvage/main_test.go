// Package salvage proves with real etcd servers that salvage loses nothing.
//
// Every test is one disaster. A cluster of three works for writers who keep a
// [journal] of what was acknowledged to them, until all of it is killed at a
// moment that a seed decides. What is left is given to etcdctl-snapshot-x
// salvage, its snapshot is restored and booted, and the result is held against
// two witnesses:
//
//   - the journal: every acknowledged change is there, at the revision that was
//     acknowledged, whole, and nothing is there that nobody asked for;
//   - etcd itself, started on copies of the same directories: as the quorum they
//     are, which keeps the tail of the log, and alone with --force-new-cluster,
//     which drops it.
//
// SALVAGE_ROUNDS says how many disasters of the first kind each version has to
// survive, SALVAGE_SEED repeats one.
package salvage

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// parallel is how many disasters happen at once. Each keeps two cores busy only
// while its writers are at work.
const parallel = "6"

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", parallel); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	os.Exit(m.Run())
}

// The settings are read inside of tests, for go to know that results depend on them.

// rounds is how many disasters of the first kind to survive.
func rounds(t *testing.T) int {
	t.Helper()
	return int(setting(t, "SALVAGE_ROUNDS", 2))
}

// seed decides all that is random.
func seed(t *testing.T) uint64 {
	t.Helper()
	return setting(t, "SALVAGE_SEED", uint64(started))
}

var started = time.Now().UnixNano()

func setting(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// eachVersion runs f as a parallel subtest for every etcd that salvage is
// proved with.
func eachVersion(t *testing.T, f func(*testing.T, etcdtest.Version)) {
	t.Helper()
	t.Parallel()
	for _, v := range []etcdtest.Version{etcdtest.V35, etcdtest.V36, etcdtest.V37} {
		t.Run("etcd "+string(v), func(t *testing.T) {
			t.Parallel()
			f(t, v)
		})
	}
}
