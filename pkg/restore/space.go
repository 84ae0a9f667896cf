package restore

import (
	"errors"
	"fmt"
	"path/filepath"
	"syscall"

	"github.com/etcd-restore/etcd-restore/pkg/internal/durable"
	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

// slack is what a member needs beside its db: log, raft snapshot, directories.
const slack = 1 << 20

// measure lists what the restore takes on each file system, and refuses one with
// too little. Where blocks can be shared, all members take one db, or none if
// the snapshot lies there as well. How little a compacted db takes is not known
// before it is made.
func (r *run) measure(size int64) error {
	var source uint64 // a stream lies nowhere
	if r.Stream == nil {
		var err error
		if _, source, err = durable.Space(r.Path); err != nil {
			return err
		}
	}
	r.plan.Space = nil
	byDevice := map[uint64]int{}
	for _, m := range r.members {
		dir := existing(m.snapDir)
		free, device, err := durable.Space(dir)
		if err != nil {
			return err
		}
		at, known := byDevice[device]
		if !known {
			at = len(r.plan.Space)
			byDevice[device] = at
			r.plan.Space = append(r.plan.Space, Space{Dir: dir, Free: free})
		}
		switch shares := durable.SharesBlocks(dir); {
		case shares && (known || device == source && !r.Compact):
			r.plan.Space[at].Need += slack
		default:
			r.plan.Space[at].Need += size + slack
		}
	}
	for _, s := range r.plan.Space {
		if s.Need > s.Free && !r.Compact {
			return hint.New(fmt.Errorf("%w: %s has %d bytes free, the restore takes %d", ErrSpace, s.Dir, s.Free, s.Need),
				"free some space, or restore to another file system")
		}
	}
	return nil
}

// existing is the innermost directory of path that exists.
func existing(path string) string {
	for {
		if _, _, err := durable.Space(path); err == nil {
			return path
		}
		parent := filepath.Dir(path)
		if parent == path {
			return path
		}
		path = parent
	}
}

func isNoSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}

func isNotEmpty(err error) bool { return errors.Is(err, syscall.ENOTEMPTY) }
