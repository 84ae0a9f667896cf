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
const parallel = "3"

// settings are what the environment asks for.
var settings = struct {
	rounds int
	seed   uint64
}{rounds: 2, seed: uint64(time.Now().UnixNano())}

func TestMain(m *testing.M) {
	flag.Parse()
	if err := configure(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	os.Exit(m.Run())
}

func configure() (err error) {
	if s := os.Getenv("SALVAGE_ROUNDS"); s != "" {
		if settings.rounds, err = strconv.Atoi(s); err != nil {
			return fmt.Errorf("SALVAGE_ROUNDS: %w", err)
		}
	}
	if s := os.Getenv("SALVAGE_SEED"); s != "" {
		if settings.seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			return fmt.Errorf("SALVAGE_SEED: %w", err)
		}
	}
	return flag.Set("test.parallel", parallel)
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
