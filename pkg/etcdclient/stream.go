package etcdclient

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

// Progress hears how far a long piece of work is. Add may be called from
// several goroutines.
type Progress interface {
	Start(what string, total int64)
	Add(n int64)
	Finish()
}

type noProgress struct{}

func (noProgress) Start(string, int64) {}
func (noProgress) Add(int64)           {}
func (noProgress) Finish()             {}

// DefaultStallTimeout is how long a member may send nothing.
const DefaultStallTimeout = 30 * time.Second

// Memory of a stream: each of its two queues holds up to queueLength messages.
// etcd sends 32 KiB at a time.
const (
	queueLength    = 256
	maxMessageSize = 64 << 10
)

// Sink takes a snapshot as it arrives: Begin once with the size of the whole,
// then every byte in order.
type Sink interface {
	Begin(size int64) error
	io.Writer
}

// StreamOptions of a snapshot stream.
type StreamOptions struct {
	StallTimeout time.Duration // zero: DefaultStallTimeout
	Progress     Progress      // nil: none
}

// Received is a snapshot that arrived whole and as the member hashed it.
type Received struct {
	Size           int64 // database and digest: the size of the file
	SHA256         [sha256.Size]byte
	StorageVersion string // of the database; servers before 3.6 do not say
}

// Snapshot streams a snapshot of the member at endpoint into sink: its database
// and, once that has been compared, the SHA-256 of it that the member sent.
// This is a snapshot file as etcdctl writes it.
//
// There is no limit to the whole but ctx: a large database takes its time, and
// a dead member is found by the stall timeout.
func (c *Client) Snapshot(ctx context.Context, endpoint string, sink Sink, opts StreamOptions) (Received, error) {
	m, err := c.member(endpoint)
	if err != nil {
		return Received{}, err
	}
	if opts.StallTimeout <= 0 {
		opts.StallTimeout = DefaultStallTimeout
	}
	if opts.Progress == nil {
		opts.Progress = noProgress{}
	}
	streamCtx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s := &stream{ctx: streamCtx, cancel: cancel, stall: opts.StallTimeout, codec: newCodec()}
	got, err := s.run(m.maintenance, sink, opts.Progress)
	if err != nil {
		return Received{}, s.explain(ctx, m, err)
	}
	return got, nil
}

// stream is one snapshot on its way, through three stages that overlap:
// receive, hash, write. The first two are goroutines, with a queue after each;
// whichever stage fails cancels ctx, which ends the others.
type stream struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	stall  time.Duration
	codec  codec

	rpc      grpc.ServerStreamingClient[pb.SnapshotResponse]
	watchdog *time.Timer // cancels ctx with ErrStalled; runs only while receiving

	// Set by the receiver before it closes its queue.
	trailer []byte
	// Set by the hasher before it closes its queue.
	sum [sha256.Size]byte
}

func (s *stream) run(maintenance pb.MaintenanceClient, sink Sink, progress Progress) (Received, error) {
	s.watchdog = time.AfterFunc(s.stall, func() { s.cancel(ErrStalled) })
	defer s.watchdog.Stop()
	var err error
	s.rpc, err = maintenance.Snapshot(s.ctx, &pb.SnapshotRequest{},
		grpc.MaxCallRecvMsgSize(maxMessageSize), grpc.ForceCodecV2(s.codec))
	if err != nil {
		return Received{}, err
	}
	first, err := s.next()
	if errors.Is(err, io.EOF) {
		return Received{}, fmt.Errorf("%w: the member sent nothing", ErrBroken)
	} else if err != nil {
		return Received{}, err
	}
	// remaining_bytes counts what follows, without the digest.
	size := int64(first.GetRemainingBytes()) + int64(len(first.GetBlob()))
	if size < int64(len(first.GetBlob())) {
		return Received{}, fmt.Errorf("%w: %d bytes announced", ErrBroken, first.GetRemainingBytes())
	}
	if err := sink.Begin(size + sha256.Size); err != nil {
		return Received{}, sinkError{err}
	}
	progress.Start("receive snapshot", size)
	defer progress.Finish()

	received, hashed := make(chan []byte, queueLength), make(chan []byte, queueLength)
	go s.receive(first, size, received)
	go s.hash(received, hashed)
	for blob := range hashed {
		if _, err := sink.Write(blob); err != nil {
			s.cancel(err)
			return Received{}, sinkError{err}
		}
		progress.Add(int64(len(blob)))
		s.codec.recycle(blob)
	}
	if s.ctx.Err() != nil {
		return Received{}, context.Cause(s.ctx)
	}
	if s.sum != [sha256.Size]byte(s.trailer) {
		return Received{}, fmt.Errorf("%w: the member sent %x, what arrived has %x", ErrDigest, s.trailer, s.sum)
	}
	if _, err := sink.Write(s.trailer); err != nil {
		return Received{}, sinkError{err}
	}
	return Received{
		Size: size + sha256.Size, SHA256: s.sum, StorageVersion: first.GetVersion(),
	}, nil
}

// next waits for one message, but not for ever. The watchdog sleeps otherwise,
// so a slow disk on our side is never taken for a stalled member.
func (s *stream) next() (*pb.SnapshotResponse, error) {
	s.watchdog.Reset(s.stall)
	defer s.watchdog.Stop()
	return s.rpc.Recv()
}

// receive passes on size bytes of database, then keeps the digest.
func (s *stream) receive(message *pb.SnapshotResponse, size int64, received chan<- []byte) {
	defer close(received)
	for passed := int64(0); passed < size; {
		blob := message.GetBlob()
		passed += int64(len(blob))
		switch {
		case len(blob) == 0:
			// A server that fails to read its database goes on sending
			// nothing, for ever.
			s.cancel(fmt.Errorf("%w: empty message with %d bytes to come: the member cannot read its database",
				ErrBroken, size-passed))
			return
		case passed > size || int64(message.GetRemainingBytes()) != size-passed:
			s.cancel(fmt.Errorf("%w: %d bytes arrived of %d, and the member says %d remain",
				ErrBroken, passed, size, message.GetRemainingBytes()))
			return
		}
		select {
		case received <- blob:
		case <-s.ctx.Done():
			return
		}
		var err error
		if message, err = s.next(); err != nil {
			if errors.Is(err, io.EOF) {
				err = fmt.Errorf("%w: it ended after %d of %d bytes, without a digest", ErrBroken, passed, size)
			}
			s.cancel(err)
			return
		}
	}
	s.receiveTrailer(message)
}

func (s *stream) receiveTrailer(message *pb.SnapshotResponse) {
	s.trailer = message.GetBlob()
	if len(s.trailer) != sha256.Size || message.GetRemainingBytes() != 0 {
		s.cancel(fmt.Errorf("%w: %d bytes where the SHA-256 should be", ErrBroken, len(s.trailer)))
		return
	}
	if _, err := s.next(); err == nil {
		s.cancel(fmt.Errorf("%w: more data after the SHA-256", ErrBroken))
	} else if !errors.Is(err, io.EOF) {
		s.cancel(err)
	}
}

func (s *stream) hash(received <-chan []byte, hashed chan<- []byte) {
	defer close(hashed)
	h := sha256.New()
	for blob := range received {
		h.Write(blob)
		select {
		case hashed <- blob:
		case <-s.ctx.Done():
			return
		}
	}
	h.Sum(s.sum[:0])
}

// sinkError keeps an error of our own side apart from those of the member.
type sinkError struct{ error }

func (e sinkError) Unwrap() error { return e.error }

// explain words the error of a stream; those of the sink are left alone.
func (s *stream) explain(ctx context.Context, m *member, err error) error {
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return hint.New(fmt.Errorf("snapshot of %s: %w", m.endpoint, ctx.Err()), "allow more time for the whole transfer, or set no limit")
	case ctx.Err() != nil:
		return fmt.Errorf("snapshot of %s: %w", m.endpoint, ctx.Err())
	case errors.Is(context.Cause(s.ctx), ErrStalled):
		return hint.New(fmt.Errorf("%s: %w: nothing for %s", m.endpoint, ErrStalled, s.stall),
			"take the snapshot from another member, or allow a longer stall")
	case errors.Is(err, ErrBroken), errors.Is(err, ErrDigest):
		return hint.New(fmt.Errorf("%s: %w", m.endpoint, err),
			"try again, then another member; etcd's log on that host may say more")
	case errors.As(err, new(sinkError)):
		return errors.Unwrap(err)
	default:
		return m.explain(ctx, err)
	}
}
