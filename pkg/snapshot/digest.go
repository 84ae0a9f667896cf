package snapshot

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

// Trailer says what became of the SHA-256 behind the database.
type Trailer string

// The states of a trailer.
const (
	TrailerMatched    Trailer = "matched"
	TrailerMismatched Trailer = "mismatched"
	TrailerMissing    Trailer = "missing"
)

// Digest hashes the database and compares it with the trailer. It reads the
// file front to back with its own descriptor calls, so it can run beside a pass
// over the pages and warms the page cache for it.
func (s *File) Digest(ctx context.Context) (sum string, state Trailer, err error) {
	h := sha256.New()
	if _, err := io.CopyBuffer(h, &ctxReader{ctx, io.NewSectionReader(s.f, 0, s.size)}, make([]byte, 1<<20)); err != nil {
		return "", "", fmt.Errorf("read %s: %w", s.name, err)
	}
	got := h.Sum(nil)
	if !s.HasTrailer() {
		return hex.EncodeToString(got), TrailerMissing, nil
	}
	want, err := s.trailer()
	if err != nil {
		return "", "", err
	}
	if !bytes.Equal(got, want) {
		return hex.EncodeToString(got), TrailerMismatched, nil
	}
	return hex.EncodeToString(got), TrailerMatched, nil
}

type ctxReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *ctxReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// digesting runs Digest beside other work.
type digesting struct {
	sum   string
	state Trailer
	err   error
	done  chan struct{}
	stop  context.CancelFunc
}

func (s *File) startDigest(ctx context.Context) *digesting {
	ctx, stop := context.WithCancel(ctx)
	d := &digesting{done: make(chan struct{}), stop: stop}
	go func() {
		defer close(d.done)
		d.sum, d.state, d.err = s.Digest(ctx)
	}()
	return d
}

// wait returns when the digest is there. abort ends it early.
func (d *digesting) wait() error {
	<-d.done
	return d.err
}

func (d *digesting) abort() {
	d.stop()
	<-d.done
}

// ClaimedSHA256 is what the trailer says, unchecked, in hex, or "" without one.
func (s *File) ClaimedSHA256() (string, error) {
	if !s.HasTrailer() {
		return "", nil
	}
	b, err := s.trailer()
	return hex.EncodeToString(b), err
}

// TrailerError is the error for a trailer in the given state, nil if it matched.
func TrailerError(name string, state Trailer) error {
	switch state {
	case TrailerMatched:
		return nil
	case TrailerMissing:
		return hint.New(fmt.Errorf("%w: %s", ErrNoTrailer, name),
			"if it is a copy of member/snap/db, --skip-hash-check restores it after a check of every page")
	}
	return hint.New(fmt.Errorf("%w: %s: its SHA-256 is not the one in its trailer", ErrCorrupt, name),
		"use another snapshot, or copy this one again from where it came")
}
