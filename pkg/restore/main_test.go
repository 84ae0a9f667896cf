package restore_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/etcd-restore/etcd-restore/pkg/internal/durable"
	"github.com/etcd-restore/etcd-restore/pkg/membership"
	"github.com/etcd-restore/etcd-restore/pkg/restore"
)

// jobVariable holds the job of a child process, which is this test binary again.
const jobVariable = "ETCD_RESTORE_TEST_JOB"

// job is a restore that a child process runs, and dies in.
type job struct {
	Snapshot       string
	InitialCluster string
	Targets        []restore.Target
	Parent         string
	Compact        bool
	KillAt         int32  // the boundary at which it kills itself; 0 to live on
	CountFile      string // where it says how many boundaries it met
}

const (
	token = "etcd-restore-test"
	bump  = 1000
)

func TestMain(m *testing.M) {
	if text := os.Getenv(jobVariable); text != "" {
		if err := runJob(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func runJob(text string) error {
	var j job
	if err := json.Unmarshal([]byte(text), &j); err != nil {
		return err
	}
	cfg, err := j.config()
	if err != nil {
		return err
	}
	var met atomic.Int32
	cfg.FS = durable.FS{Boundary: func(string, string) {
		if met.Add(1) == j.KillAt {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // it takes a moment
		}
	}}
	if _, err := restore.Run(context.Background(), cfg); err != nil {
		return err
	}
	return os.WriteFile(j.CountFile, fmt.Append(nil, met.Load()), 0o600)
}

func (j job) config() (restore.Config, error) {
	cluster, err := membership.New(j.InitialCluster, token, nil)
	return restore.Config{
		Path:          j.Snapshot,
		Cluster:       cluster,
		Targets:       j.Targets,
		Parent:        j.Parent,
		Bump:          restore.Bump{Mode: restore.BumpBy, By: bump},
		MarkCompacted: true,
		Compact:       j.Compact,
	}, err
}
