package snapshot

import (
	"context"
	"errors"
	"fmt"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

// peeks is how often Peek tries. A running etcd commits every 100 ms at most, or
// every 10,000 requests: a look that takes less than that succeeds the first or the
// second time.
const peeks = 20

// Peek lets look read the database at path as one transaction left it, although an
// etcd may be writing to it: without the lock, so that the etcd, or one that starts
// meanwhile, does not notice.
//
// It looks again if the etcd has committed a transaction by the time look
// returns: only what the last look saw counts. What it hands out must be copied. A
// look that takes longer than the etcd between two transactions ends with
// ErrChanged.
func Peek(ctx context.Context, path string, look func(*File) error) (err error) {
	for range peeks {
		if err := ctx.Err(); err != nil {
			return err
		}
		var settled bool
		if settled, err = peek(path, look); settled {
			return err
		}
	}
	return err
}

// peek reports whether what look saw, or failed with, is the state of the database.
func peek(path string, look func(*File) error) (settled bool, err error) {
	f, err := openRegular(path)
	if err != nil {
		return !errors.Is(err, ErrChanged), err
	}
	s, err := open(path, f)
	if err != nil { // it may have grown between two reads of ours
		return !errors.Is(err, ErrChanged) && !errors.Is(err, ErrCorrupt), err
	}
	defer s.Close()
	err = look(s)
	if latest, changed := s.db.Latest(); changed != nil || latest != s.db.Meta().TxID || errors.Is(err, ErrChanged) {
		return false, hint.New(fmt.Errorf("%w: an etcd writes to %s all the time", ErrChanged, path), "ask that etcd instead, or try again")
	}
	return true, err
}
