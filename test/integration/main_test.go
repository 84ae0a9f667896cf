// Package integration proves with real etcd servers of every supported version
// that what etcdctl-snapshot-x restores is the cluster it promises. Nothing
// below the command line is called: flags, exit codes and the JSON result are
// part of what is tested.
//
// Snapshots are taken once, see [source]; every test restores them into
// clusters of its own. A test that compares versions is a table over
// [etcdtest.Servers].
package integration

import (
	"context"
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/etcd-restore/etcd-restore/plugins/snapshotx"
	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// parallel is how many subtests run at once. They wait for elections most of
// the time, so it may well be more than the machine has cores.
const parallel = "5"

// asCommand in the environment makes this test binary behave as the command.
const asCommand = "ETCD_RESTORE_TEST_AS_COMMAND"

// shared holds the snapshots that all tests restore.
var shared struct {
	dir     string
	sources map[etcdtest.Version]func() (*source, error)
}

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		streams := snapshotx.Streams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}
		os.Exit(snapshotx.Run(context.Background(), streams, os.Args[1:]))
	}
	flag.Parse()
	code, err := runTests(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

func runTests(m *testing.M) (code int, err error) {
	if err := flag.Set("test.parallel", parallel); err != nil {
		return 1, err
	}
	if shared.dir, err = os.MkdirTemp("", "etcd-restore-integration-"); err != nil {
		return 1, err
	}
	defer os.RemoveAll(shared.dir)
	shared.sources = newSources(shared.dir)
	return m.Run(), nil
}

// eachVersion runs f as a parallel subtest for every supported etcd.
func eachVersion(t *testing.T, f func(*testing.T, etcdtest.Version)) {
	t.Helper()
	t.Parallel()
	for _, v := range etcdtest.Servers() {
		t.Run("etcd "+string(v), func(t *testing.T) {
			t.Parallel()
			f(t, v)
		})
	}
}
