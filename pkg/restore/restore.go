package restore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
)

// Run restores. On any error the targets are as they were before.
func Run(ctx context.Context, cfg Config) (*Plan, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if cfg.Stream != nil {
		cfg.Stream = snapshot.Interruptible(ctx, cfg.Stream)
	}
	r, err := newRun(cfg)
	if err != nil {
		return nil, err
	}
	if err := r.sweepAll(); err != nil { // it takes space that is measured next
		return nil, err
	}
	if r.lookable() { // fail before the work where the reason can be seen at once
		if err := r.preview(); err != nil {
			return nil, r.explain(err)
		}
	}
	defer r.cleanUp()
	if err := r.createParts(); err != nil {
		return nil, err
	}
	if err := r.build(ctx); err != nil {
		return nil, r.explain(err)
	}
	if err := ctx.Err(); err != nil { // the last moment to leave nothing behind
		return nil, err
	}
	if err := r.publish(); err != nil {
		return nil, r.explain(err)
	}
	return r.plan, nil
}

// Prepare returns what [Run] would do, and changes nothing. It reads the pages
// it needs for the decisions, not the whole snapshot.
func Prepare(cfg Config) (*Plan, error) {
	r, err := newRun(cfg)
	if err != nil {
		return nil, err
	}
	return r.plan, r.explain(r.preview())
}

// Decide returns what [Run] would make of the snapshot at a time, and looks at no
// target: cfg needs none, so that a decision can be made where nothing is restored.
func Decide(cfg Config, now time.Time) (*Plan, error) {
	if err := cfg.validateCluster(); err != nil {
		return nil, err
	}
	r := &run{Config: cfg, now: now, plan: cfg.describe()}
	f, err := r.open()
	if err != nil {
		return nil, r.explain(err)
	}
	defer f.Close()
	return r.plan, r.explain(r.look(f))
}

// source opens the snapshot to be read once. The size is -1 if unknown.
func (r *run) source() (snapshot.Stream, error) {
	if r.Stream == nil {
		return snapshot.OpenStream(r.Path)
	}
	return snapshot.NewStream(r.Stream)
}

// lookable reports whether the snapshot can be looked into without reading all
// of it. What cannot be opened is for the attempt to explain.
func (r *run) lookable() bool {
	if r.Stream != nil {
		return false
	}
	s, err := r.source()
	if err != nil {
		return true
	}
	defer s.Close()
	return s.Size >= 0
}

// open opens the snapshot to be looked into.
func (r *run) open() (*snapshot.File, error) {
	if r.Stream == nil {
		return snapshot.Open(r.Path)
	}
	return snapshot.Spool(r.Path, r.Stream)
}

// preview makes the decisions from the snapshot itself.
func (r *run) preview() error {
	f, err := r.open()
	if err != nil {
		return err
	}
	defer f.Close()
	if err := r.look(f); err != nil {
		return err
	}
	for i := range r.plan.Members {
		r.plan.Members[i].Size = f.Size()
	}
	return r.measure(f.Size())
}

// look settles the plan for the snapshot f.
func (r *run) look(f *snapshot.File) error {
	if !f.HasTrailer() {
		if err := r.acceptTrailer(snapshot.TrailerMissing); err != nil {
			return err
		}
	}
	d, err := r.decide(f, r.now)
	if err != nil {
		return err
	}
	r.plan.settle(f, d)
	if r.plan.Snapshot.SHA256, err = f.ClaimedSHA256(); err != nil {
		return err
	}
	if f.HasTrailer() { // which has its say once all is read; another snapshot is seen at once
		if err := r.acceptSum(r.plan.Snapshot.SHA256); err != nil {
			return err
		}
	}
	return nil
}

// explain adds the next step to errors of the file system.
func (r *run) explain(err error) error {
	switch {
	case errors.Is(err, os.ErrPermission):
		return hint.New(err, "run it as a user who may write there, or as root")
	case errors.Is(err, syscall.EROFS):
		return hint.New(err, "the file system is mounted read-only: choose another one, or remount it: mount -o remount,rw")
	case errors.Is(err, syscall.ENAMETOOLONG):
		return hint.New(err, "choose a shorter name: while it is made, 22 more bytes are behind it")
	case isNoSpace(err):
		return hint.New(fmt.Errorf("%w: %w", ErrSpace, err), "nothing was changed; free some space, or choose another file system")
	case errors.Is(err, snapshot.ErrCorrupt) && !errors.As(err, new(interface{ Hint() string })):
		return hint.New(fmt.Errorf("restore %s: %w", r.Path, err), "use another snapshot, or copy this one again from where it came")
	}
	return err
}

// quiet is the progress of whoever does not want any.
type quiet struct{}

func (quiet) Start(string, int64) {}
func (quiet) Add(int64)           {}
func (quiet) Finish()             {}
