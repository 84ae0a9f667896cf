package transport

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"strconv"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

// Fetch writes a file of a node into w, from its beginning, and compares what came with
// its size and SHA-256. The file lies in Uploads, where node save has put it. When the
// connection breaks and comes back it goes on where it stopped; an error leaves in w what
// came until then. Sync w.
func Fetch(ctx context.Context, n Node, path string, size int64, sha256hex string, w *os.File, p Progress) error {
	var tries tries
	s := &sink{w: w, hash: sha256.New(), size: size, told: func(have int64) {
		if p != nil {
			p.Sent(n.Name(), have, size)
		}
	}}
	wrong := false
	for {
		err := fetch(ctx, n, path, s)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case s.err != nil:
			return s.err
		case err != nil && !errors.Is(err, ErrConnection):
			return err
		case s.have == size && hex.EncodeToString(s.hash.Sum(nil)) == sha256hex:
			return nil
		case s.have == size && wrong:
			return hint.New(fmt.Errorf("%s: %w: %s", n.Name(), ErrDigest, path), "look at the disk and the memory of the node: dmesg")
		case s.have == size:
			wrong, tries.best = true, 0
			if err := s.restart(); err != nil {
				return err
			}
			continue
		case err == nil:
			err = fmt.Errorf("%s: %w: it sent %d of %d bytes", n.Name(), ErrConnection, s.have, size)
		}
		if !tries.again(ctx, s.have) && ctx.Err() == nil {
			return fmt.Errorf("fetch %s: %w", path, err)
		}
	}
}

// fetch is one attempt.
func fetch(ctx context.Context, n Node, path string, s *sink) error {
	r, w := io.Pipe()
	written := make(chan struct{})
	go func() {
		defer close(written)
		// What the stream lacks shows in the size.
		r.CloseWithError(Decompress(s, r))
	}()
	err := n.Run(ctx, Command{
		Args:   []string{"node", "send", "--offset", strconv.FormatInt(s.have, 10), "--", path},
		Stdout: w,
	})
	w.Close()
	<-written
	return err
}

// sink takes a file in pieces.
type sink struct {
	w          *os.File
	hash       hash.Hash
	have, size int64
	err        error // of writing it here
	told       func(have int64)
}

func (s *sink) Write(p []byte) (int, error) {
	if s.have+int64(len(p)) > s.size {
		s.err = fmt.Errorf("%w: it is longer than the %d bytes that it should have", ErrDigest, s.size)
		return 0, s.err
	}
	n, err := s.w.WriteAt(p, s.have)
	s.hash.Write(p[:n])
	s.have += int64(n)
	s.err = err
	s.told(s.have)
	return n, err
}

func (s *sink) restart() error {
	s.have = 0
	s.hash.Reset()
	return s.w.Truncate(0)
}
