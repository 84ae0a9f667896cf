package restore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"sync"
	"sync/atomic"

	"github.com/etcd-restore/etcd-restore/pkg/internal/durable"
	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
)

const (
	chunkSize  = 1 << 18
	chunkCount = 16 // in flight, which bounds memory and how far a slow disk falls behind
)

// chunk is a piece of the snapshot on its way to everybody who consumes it.
type chunk struct {
	buf     []byte // chunkSize long
	n       int
	pending atomic.Int32 // consumers that still need it
}

// copyAll reads the snapshot from src once and writes its database to every dst
// while it is hashed. It returns the size of the database and its digest.
func copyAll(ctx context.Context, src io.Reader, dst []*durable.File, p Progress) (int64, digest, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var h hasher
	h.Hash = sha256.New()
	consumers := []io.Writer{&h}
	for _, f := range dst {
		consumers = append(consumers, f)
	}

	free := make(chan *chunk, chunkCount)
	for range chunkCount {
		free <- &chunk{buf: make([]byte, chunkSize)}
	}
	feeds := make([]chan *chunk, len(consumers))
	var wg sync.WaitGroup
	for i, w := range consumers {
		feeds[i] = make(chan *chunk, chunkCount)
		wg.Go(func() { consume(ctx, cancel, w, feeds[i], free) })
	}
	size, err := feed(ctx, src, feeds, free, p)
	for _, f := range feeds {
		close(f)
	}
	wg.Wait()
	if err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return 0, digest{}, err
	}
	d := h.finish(size)
	if d.state != snapshot.TrailerMissing {
		size -= snapshot.TrailerSize
	}
	return size, d, nil
}

// feed hands the chunks of src to all feeds and returns how many bytes there were.
func feed(ctx context.Context, src io.Reader, feeds []chan *chunk, free chan *chunk, p Progress) (size int64, err error) {
	for {
		var c *chunk
		select {
		case c = <-free:
		case <-ctx.Done():
			return size, context.Cause(ctx)
		}
		n, err := io.ReadFull(src, c.buf)
		if n > 0 {
			size += int64(n)
			c.n = n
			c.pending.Store(int32(len(feeds)))
			for _, f := range feeds {
				f <- c
			}
			p.Add(int64(n))
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return size, nil
		case err != nil:
			return size, err
		}
	}
}

// consume writes every chunk to w. After a failure it only passes them on.
func consume(ctx context.Context, cancel context.CancelCauseFunc, w io.Writer, in <-chan *chunk, free chan<- *chunk) {
	for c := range in {
		if ctx.Err() == nil {
			if _, err := w.Write(c.buf[:c.n]); err != nil {
				cancel(err)
			}
		}
		if c.pending.Add(-1) == 0 {
			free <- c
		}
	}
}

// digest is the SHA-256 of a database and what its trailer says of it.
type digest struct {
	sum   string // hex
	state snapshot.Trailer
}

// hasher hashes a stream whose last 32 bytes may turn out to be the trailer: it
// holds them back until the end is known.
type hasher struct {
	hash.Hash
	held []byte
}

func (h *hasher) Write(b []byte) (int, error) {
	h.held = append(h.held, b[:min(len(b), snapshot.TrailerSize)]...)
	rest := b[min(len(b), snapshot.TrailerSize):]
	if n := len(h.held) + len(rest) - snapshot.TrailerSize; n > 0 {
		fromHeld := min(n, len(h.held))
		h.Hash.Write(h.held[:fromHeld])
		h.held = append(h.held[:0], h.held[fromHeld:]...)
		h.Hash.Write(rest[:n-fromHeld])
		h.held = append(h.held, rest[n-fromHeld:]...)
	}
	return len(b), nil
}

// finish returns the digest of a stream that was size bytes long.
func (h *hasher) finish(size int64) digest {
	if !snapshot.HasTrailer(size) {
		h.Hash.Write(h.held)
		return digest{hex.EncodeToString(h.Sum(nil)), snapshot.TrailerMissing}
	}
	sum := h.Sum(nil)
	if string(sum) != string(h.held) {
		return digest{hex.EncodeToString(sum), snapshot.TrailerMismatched}
	}
	return digest{hex.EncodeToString(sum), snapshot.TrailerMatched}
}
