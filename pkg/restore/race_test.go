package restore_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/etcd-restore/etcd-restore/pkg/internal/durable"
	"github.com/etcd-restore/etcd-restore/pkg/restore"
	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// Invariant I2, two restores into one place: whatever boundary the first has
// come to when the second runs from beginning to end, exactly one of them wins,
// what it made is complete, and of the other nothing remains.
func TestTwoRestoresIntoOnePlace(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]crashCase{
		"absent target":              {members: 1},
		"existing empty target":      {members: 1, existing: true},
		"all members, new parent":    {members: 2, parent: true},
		"all members, parent stands": {members: 2, parent: true, existing: true},
		"separate log":               {members: 1, wal: true},
		"separate log, both exist":   {members: 1, wal: true, existing: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			snapshot := tinySnapshot(t)
			cluster := etcdtest.New(t, etcdtest.Config{Version: etcdtest.V37, Size: tc.members})
			firstWon, secondWon := 0, 0
			for n := int32(1); ; n++ {
				met, first, second := overtake(t, tc.prepare(t, snapshot, cluster), n)
				if met < n {
					break
				}
				if first == nil {
					firstWon++
				} else if second == nil {
					secondWon++
				}
				if t.Failed() {
					t.Fatalf("overtaken at boundary %d", n)
				}
			}
			if firstWon == 0 || secondWon < 10 {
				t.Errorf("the first won %d times, the second %d times: that is no race", firstWon, secondWon)
			}
		})
	}
}

// overtake runs the job, and when it has come to boundary n, the same once more.
func overtake(t *testing.T, j job, n int32) (met int32, first, second error) {
	t.Helper()
	cfg, err := j.config()
	if err != nil {
		t.Fatal(err)
	}
	other := cfg
	var count atomic.Int32
	cfg.FS = durable.FS{Boundary: func(string, string) {
		if count.Add(1) == n {
			_, second = restore.Run(t.Context(), other)
		}
	}}
	_, first = restore.Run(t.Context(), cfg)
	if count.Load() < n {
		return count.Load(), first, nil
	}
	loser := first
	if first == nil {
		loser = second
	}
	if (first == nil) == (second == nil) || !errors.Is(loser, restore.ErrTarget) {
		t.Errorf("the first: %v; the second: %v; want that one of them succeeds and the other finds the target taken", first, second)
	}
	if s := survey(t, j); s.complete != len(j.Targets) {
		t.Errorf("%d of %d members stand", s.complete, len(j.Targets))
	}
	if left := parts(t, j); left > 0 {
		t.Errorf("%d parts were left behind", left)
	}
	return count.Load(), first, second
}

// The same without any order: as many as there are, all at once.
func TestManyRestoresIntoOnePlace(t *testing.T) {
	t.Parallel()
	snapshot := tinySnapshot(t)
	cluster := etcdtest.New(t, etcdtest.Config{Version: etcdtest.V37})
	for round := range 10 {
		j := crashCase{members: 1, existing: round%2 == 0}.prepare(t, snapshot, cluster)
		errs := make([]error, 6)
		var wg sync.WaitGroup
		for i := range errs {
			cfg, err := j.config()
			if err != nil {
				t.Fatal(err)
			}
			wg.Go(func() { _, errs[i] = restore.Run(t.Context(), cfg) })
		}
		wg.Wait()
		won := 0
		for _, err := range errs {
			switch {
			case err == nil:
				won++
			case !errors.Is(err, restore.ErrTarget):
				t.Errorf("a loser got %v, want %v", err, restore.ErrTarget)
			}
		}
		if won != 1 || survey(t, j).complete != 1 || parts(t, j) > 0 {
			t.Fatalf("round %d: %d won, %d parts left: %v", round, won, parts(t, j), errs)
		}
	}
}

// A restore whose last rename cannot be made takes the earlier ones back.
func TestPublishedMembersAreTakenBack(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.New(t, etcdtest.Config{Version: etcdtest.V37, Size: 3})
	j := crashCase{members: 3, parent: true, existing: true}.prepare(t, tinySnapshot(t), cluster)
	cfg, err := j.config()
	if err != nil {
		t.Fatal(err)
	}
	taken := j.Targets[2].DataDir
	cfg.FS = durable.FS{Boundary: func(op, path string) {
		if op == "rename" && path == taken {
			if err := os.MkdirAll(filepath.Join(taken, "somebody", "else"), 0o700); err != nil {
				t.Error(err)
			}
		}
	}}
	if _, err := restore.Run(t.Context(), cfg); !errors.Is(err, restore.ErrTarget) {
		t.Errorf("got %v, want %v", err, restore.ErrTarget)
	}
	entries, err := os.ReadDir(j.Parent)
	if err != nil || len(entries) != 1 || entries[0].Name() != filepath.Base(taken) {
		t.Errorf("what stands: %v, %v; want nothing but what somebody else made", fmt.Sprint(entries), err)
	}
}
