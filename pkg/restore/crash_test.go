package restore_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/etcd-restore/etcd-restore/pkg/internal/durable"
	"github.com/etcd-restore/etcd-restore/pkg/restore"
	"github.com/etcd-restore/etcd-restore/test/bench/fixture"
	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// Invariant I2, by kill: a restore is killed at each of its boundaries in turn.
// Whatever the moment, every target is as it was or complete; the same restore
// again succeeds, or refuses because something complete stands; and what the
// killed one left is gone then.
func TestKilledAtEveryBoundary(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]crashCase{
		"absent target":              {members: 1},
		"existing empty target":      {members: 1, existing: true},
		"all members, new parent":    {members: 3, parent: true},
		"all members, parent stands": {members: 3, parent: true, existing: true},
		"separate log":               {members: 1, wal: true},
		"separate log, both exist":   {members: 1, wal: true, existing: true},
		"compact":                    {members: 1, compact: true},
		"compact, all members":       {members: 3, parent: true, compact: true},
		"like the old one":           {members: 1, like: true},
		"like it, separate log":      {members: 1, like: true, wal: true},
		"like it, all members":       {members: 3, like: true, parent: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tc.run(t)
		})
	}
}

type crashCase struct {
	members                              int
	existing, parent, wal, compact, like bool
}

func (tc crashCase) run(t *testing.T) {
	snapshot := tinySnapshot(t)
	cluster := etcdtest.New(t, etcdtest.Config{Version: etcdtest.V37, Size: tc.members})
	prepared := func() job { return tc.prepare(t, snapshot, cluster) }

	counting := prepared()
	runChild(t, counting, 0)
	count := boundaries(t, counting)
	if count < 15 {
		t.Fatalf("only %d boundaries: the seam is not where the work is", count)
	}
	booted := false
	for n := 1; n <= count; n++ {
		j := prepared()
		runChild(t, j, n)
		stands := survey(t, j)
		if !booted && stands.complete == tc.members {
			boot(t, cluster, j)
			booted = true
			continue // etcd has written to it
		}
		again(t, j, stands)
		if t.Failed() {
			t.Fatalf("after the kill at boundary %d of %d", n, count)
		}
	}
	if !booted {
		t.Error("no boundary lies behind the last rename: the sync of its parent is missing")
	}
	beyond := prepared()
	runChild(t, beyond, count+1) // nothing was left out
}

// prepare lays out a directory for one run.
func (tc crashCase) prepare(t *testing.T, snapshot string, cluster *etcdtest.Cluster) job {
	t.Helper()
	base := memoryDir(t)
	j := job{
		Snapshot: snapshot, InitialCluster: cluster.InitialCluster(), Compact: tc.compact,
		CountFile: filepath.Join(t.TempDir(), "count"),
	}
	if tc.parent {
		j.Parent = filepath.Join(base, "new")
		base = j.Parent
		if tc.existing {
			mkdir(t, base)
		}
	}
	like := ""
	if tc.like {
		like = oldDir(t, filepath.Join(memoryDir(t), "old"))
	}
	for _, m := range cluster.Members {
		target := restore.Target{Member: m.Name, DataDir: filepath.Join(base, m.Name+".etcd"), Like: like}
		if tc.wal {
			target.WALDir = filepath.Join(base, "wal")
		}
		if tc.existing && !tc.parent {
			mkdir(t, target.DataDir)
			if tc.wal {
				mkdir(t, target.WALDir)
			}
		}
		j.Targets = append(j.Targets, target)
	}
	return j
}

// runChild runs the job in a process of its own and makes sure that it was
// killed, at boundary n, or succeeded if the kill is not reached.
func runChild(t *testing.T, j job, n int) {
	t.Helper()
	j.KillAt = int32(n)
	text, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), jobVariable+"="+string(text))
	out, err := cmd.CombinedOutput()
	if err == nil {
		if n > 0 && n <= boundaries(t, j) {
			t.Fatalf("the process outlived boundary %d", n)
		}
		return
	}
	status, _ := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if n == 0 || !status.Signaled() || status.Signal() != syscall.SIGKILL {
		t.Fatalf("the process was not killed at boundary %d: %v\n%s", n, err, out)
	}
}

func boundaries(t *testing.T, j job) int {
	t.Helper()
	text, err := os.ReadFile(j.CountFile)
	if err != nil {
		t.Fatal(err)
	}
	count, err := strconv.Atoi(string(text))
	if err != nil {
		t.Fatal(err)
	}
	return count
}

// standing is what a killed restore left under final names.
type standing struct{ complete, logs int }

// survey fails on any target that is neither untouched nor complete.
func survey(t *testing.T, j job) standing {
	t.Helper()
	var s standing
	for _, target := range j.Targets {
		hasDB := !untouched(t, target.DataDir)
		if hasDB {
			checkComplete(t, j, target)
			checkLike(t, target)
			s.complete++
		}
		if target.WALDir != "" && !untouched(t, target.WALDir) {
			s.logs++
		} else if target.WALDir != "" && hasDB {
			t.Errorf("%s stands without a log: an etcd that starts on it would begin an empty cluster", target.DataDir)
		}
	}
	if j.Parent != "" && s.complete > 0 && s.complete < len(j.Targets) {
		if parts(t, j) == 0 {
			t.Errorf("%d of %d members stand, and the others are nowhere", s.complete, len(j.Targets))
		}
	}
	return s
}

// again runs the same restore once more, in this process.
func again(t *testing.T, j job, stands standing) {
	t.Helper()
	cfg, err := j.config()
	if err != nil {
		t.Fatal(err)
	}
	_, err = restore.Run(t.Context(), cfg)
	if stands.complete > 0 || stands.logs > 0 {
		if !errors.Is(err, restore.ErrTarget) {
			t.Errorf("the restore again, where something complete stands: %v, want %v", err, restore.ErrTarget)
		}
		for _, target := range j.Targets { // as the hint says: move it aside
			for _, dir := range []string{target.DataDir, target.WALDir} {
				moveAside(t, dir)
				if target.Like != "" && dir != "" { // an empty one would still have its own owner
					if err := os.Remove(dir); err != nil && !errors.Is(err, os.ErrNotExist) {
						t.Fatal(err)
					}
				}
			}
		}
		_, err = restore.Run(t.Context(), cfg)
	}
	if err != nil {
		t.Errorf("the restore again: %v", err)
	}
	if s := survey(t, j); s.complete != len(j.Targets) {
		t.Errorf("the restore again made %d of %d members", s.complete, len(j.Targets))
	}
	if n := parts(t, j); n > 0 {
		t.Errorf("%d parts were left behind", n)
	}
}

// boot starts real servers on what a killed restore has finished.
func boot(t *testing.T, cluster *etcdtest.Cluster, j job) {
	t.Helper()
	for i, target := range j.Targets {
		cluster.Members[i].DataDir, cluster.Members[i].WALDir = target.DataDir, target.WALDir
	}
	cluster.Start(t)
	if _, err := cluster.Client(t).Put(t.Context(), "after", "the restore"); err != nil {
		t.Error(err)
	}
	for _, m := range cluster.Members {
		if rev := m.Revision(t); rev <= bump {
			t.Errorf("%s serves revision %d, want more than %d", m.Name, rev, bump)
		}
	}
	cluster.Kill(t)
}

var partName = regexp.MustCompile(`\.part-[0-9a-f]{16}$`)

// untouched reports whether nothing stands at path but parts.
func untouched(t *testing.T, path string) bool {
	t.Helper()
	entries, err := os.ReadDir(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !partName.MatchString(e.Name()) {
			return false
		}
	}
	return true
}

// parts counts the parts below the directory of the job.
func parts(t *testing.T, j job) (n int) {
	t.Helper()
	root := filepath.Dir(j.Targets[0].DataDir)
	if j.Parent != "" {
		root = filepath.Dir(j.Parent)
	}
	err := filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
		if partName.MatchString(path) {
			n++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// moveAside empties a target without touching the parts in it.
func moveAside(t *testing.T, path string) {
	t.Helper()
	if path == "" {
		return
	}
	entries, err := os.ReadDir(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	aside := memoryDir(t)
	for _, e := range entries {
		if strings.Contains(e.Name(), ".part-") {
			continue
		}
		if err := os.Rename(filepath.Join(path, e.Name()), filepath.Join(aside, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
}

// memoryDir is a new directory in memory, if there is enough: hundreds of restores
// are made, and a kill leaves the same there as on a disk.
func memoryDir(t *testing.T) string {
	t.Helper()
	const shm = "/dev/shm"
	if free, _, err := durable.Space(shm); err != nil || free < 1<<30 {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp(shm, "etcd-restore-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func tinySnapshot(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "snapshot.db")
	if err := fixture.Write(path, fixture.Options{Keys: 60, Bytes: 400_000}); err != nil {
		t.Fatal(err)
	}
	return path
}

func mkdir(t *testing.T, path string) {
	t.Helper()
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(fmt.Errorf("prepare: %w", err))
	}
}
