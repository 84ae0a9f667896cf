package etcdclient_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/etcd-restore/etcd-restore/pkg/etcdclient"
)

// database is a megabyte and a bit that compresses to nothing.
func database() []byte {
	b := make([]byte, 1<<20+4096)
	_, _ = rand.NewChaCha8([32]byte{}).Read(b)
	return b
}

// buffer is a Sink in memory.
type buffer struct {
	bytes.Buffer
	size    int64
	onWrite func() error
}

func (b *buffer) Begin(size int64) error { b.size = size; return nil }

func (b *buffer) Write(p []byte) (int, error) {
	if b.onWrite != nil {
		if err := b.onWrite(); err != nil {
			return 0, err
		}
	}
	return b.Buffer.Write(p)
}

func TestSnapshotIsTheDatabaseAndItsDigest(t *testing.T) {
	t.Parallel()
	db := database()
	client, endpoint := startFake(t, func(s pb.Maintenance_SnapshotServer) error { return sendAll(s, messages(db)) })
	var sink buffer
	got, err := client.Snapshot(t.Context(), endpoint, &sink, etcdclient.StreamOptions{})
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(db)
	if got.SHA256 != sum || got.StorageVersion != "3.7.0" || got.Size != int64(len(db)+32) || sink.size != got.Size {
		t.Errorf("received %+v, announced %d", got, sink.size)
	}
	if !bytes.Equal(sink.Bytes(), append(db, sum[:]...)) {
		t.Error("other bytes than were sent")
	}
}

// Every way a stream can lie is found, and soon.
func TestBrokenStreams(t *testing.T) {
	t.Parallel()
	type all = []*pb.SnapshotResponse
	for name, tc := range map[string]struct {
		spoil func(all) all
		want  error
	}{
		"a flipped bit":          {func(m all) all { m[3].Blob[7] ^= 1; return m }, etcdclient.ErrDigest},
		"another digest":         {func(m all) all { m[len(m)-1].Blob[0] ^= 1; return m }, etcdclient.ErrDigest},
		"no digest":              {func(m all) all { return m[:len(m)-1] }, etcdclient.ErrBroken},
		"half a digest":          {func(m all) all { m[len(m)-1].Blob = m[len(m)-1].Blob[:16]; return m }, etcdclient.ErrBroken},
		"an empty digest":        {func(m all) all { m[len(m)-1].Blob = nil; return m }, etcdclient.ErrBroken},
		"data after the digest":  {func(m all) all { return append(m, m[len(m)-1]) }, etcdclient.ErrBroken},
		"a message left out":     {func(m all) all { return append(m[:4:4], m[5:]...) }, etcdclient.ErrBroken},
		"a message twice":        {func(m all) all { return append(m[:4:4], m[3:]...) }, etcdclient.ErrBroken},
		"the first left out":     {func(m all) all { return m[1:] }, etcdclient.ErrDigest},
		"ends early":             {func(m all) all { return m[:5] }, etcdclient.ErrBroken},
		"nothing at all":         {func(all) all { return nil }, etcdclient.ErrBroken},
		"remaining too small":    {func(m all) all { m[2].RemainingBytes--; return m }, etcdclient.ErrBroken},
		"remaining too large":    {func(m all) all { m[2].RemainingBytes++; return m }, etcdclient.ErrBroken},
		"remaining always zero":  {func(m all) all { m[0].RemainingBytes = 0; return m }, etcdclient.ErrBroken},
		"remaining is negative":  {func(m all) all { m[0].RemainingBytes = 1 << 63; return m }, etcdclient.ErrBroken},
		"remaining overflows":    {func(m all) all { m[0].RemainingBytes = 1<<63 - 1; return m }, etcdclient.ErrBroken},
		"the digest counts down": {func(m all) all { m[len(m)-1].RemainingBytes = 1; return m }, etcdclient.ErrBroken},
		"an empty database":      {func(all) all { return all{{}} }, etcdclient.ErrBroken},
		"a blob of half a megabyte": {func(m all) all {
			m[0].Blob = make([]byte, 1<<19)
			return m
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spoilt := tc.spoil(messages(database()))
			client, endpoint := startFake(t, func(s pb.Maintenance_SnapshotServer) error { return sendAll(s, spoilt) })
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			_, err := client.Snapshot(ctx, endpoint, new(buffer), etcdclient.StreamOptions{})
			if err == nil || ctx.Err() != nil || (tc.want != nil && !errors.Is(err, tc.want)) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
		})
	}
}

// A server that cannot read its database sends empty blobs for ever
// (etcdserver/api/v3rpc/maintenance.go ignores the error of WriteTo), and
// etcdctl waits as long.
func TestEndlessEmptyBlobs(t *testing.T) {
	t.Parallel()
	client, endpoint := startFake(t, func(s pb.Maintenance_SnapshotServer) error {
		all := messages(database())
		err := sendAll(s, all[:3])
		for err == nil {
			err = s.Send(&pb.SnapshotResponse{RemainingBytes: all[2].RemainingBytes})
		}
		return err
	})
	_, err := client.Snapshot(t.Context(), endpoint, new(buffer), etcdclient.StreamOptions{})
	if !errors.Is(err, etcdclient.ErrBroken) {
		t.Errorf("got %v, want ErrBroken", err)
	}
}

func TestStall(t *testing.T) {
	t.Parallel()
	for name, sent := range map[string]int{"before the first message": 0, "in the middle": 3, "before the digest": 33} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, endpoint := startFake(t, func(s pb.Maintenance_SnapshotServer) error {
				if err := sendAll(s, messages(database())[:sent]); err != nil {
					return err
				}
				<-s.Context().Done() // the client hangs up
				return s.Context().Err()
			})
			start := time.Now()
			_, err := client.Snapshot(t.Context(), endpoint, new(buffer), etcdclient.StreamOptions{StallTimeout: 200 * time.Millisecond})
			if !errors.Is(err, etcdclient.ErrStalled) {
				t.Errorf("got %v, want ErrStalled", err)
			}
			if took := time.Since(start); took > 30*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}

// The stall timeout is about the member, not about our own disk.
func TestSlowSinkIsNoStall(t *testing.T) {
	t.Parallel()
	const stall = 3 * time.Second
	all := messages(make([]byte, 40<<20)) // more than the queues and the window hold
	client, endpoint := startFake(t, func(s pb.Maintenance_SnapshotServer) error { return sendAll(s, all) })
	slept := false
	sink := &buffer{onWrite: func() error {
		if !slept {
			slept = true
			time.Sleep(stall + time.Second) // the slowness under test
		}
		return nil
	}}
	if _, err := client.Snapshot(t.Context(), endpoint, sink, etcdclient.StreamOptions{StallTimeout: stall}); err != nil {
		t.Error(err)
	}
}

func TestSinkFailureEndsTheStream(t *testing.T) {
	t.Parallel()
	hungUp := make(chan struct{})
	client, endpoint := startFake(t, func(s pb.Maintenance_SnapshotServer) error {
		defer close(hungUp)
		if err := sendAll(s, messages(database())[:3]); err != nil {
			return err
		}
		<-s.Context().Done()
		return s.Context().Err()
	})
	full := errors.New("disk full")
	_, err := client.Snapshot(t.Context(), endpoint, &buffer{onWrite: func() error { return full }}, etcdclient.StreamOptions{})
	if !errors.Is(err, full) {
		t.Errorf("got %v, want the sink's own error", err)
	}
	<-hungUp
}

func TestCancelledStream(t *testing.T) {
	t.Parallel()
	client, endpoint := startFake(t, func(s pb.Maintenance_SnapshotServer) error {
		if err := sendAll(s, messages(database())[:3]); err != nil {
			return err
		}
		<-s.Context().Done()
		return s.Context().Err()
	})
	ctx, cancel := context.WithCancel(t.Context())
	_, err := client.Snapshot(ctx, endpoint, &buffer{onWrite: func() error { cancel(); return nil }}, etcdclient.StreamOptions{})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

func TestTimeLimitOfTheCaller(t *testing.T) {
	t.Parallel()
	client, endpoint := startFake(t, func(s pb.Maintenance_SnapshotServer) error {
		<-s.Context().Done()
		return s.Context().Err()
	})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := client.Snapshot(ctx, endpoint, new(buffer), etcdclient.StreamOptions{})
	check(t, err, context.DeadlineExceeded, endpoint)
}

func TestServerError(t *testing.T) {
	t.Parallel()
	client, endpoint := startFake(t, func(s pb.Maintenance_SnapshotServer) error {
		if err := sendAll(s, messages(database())[:3]); err != nil {
			return err
		}
		return status.Error(codes.PermissionDenied, "etcdserver: permission denied")
	})
	_, err := client.Snapshot(t.Context(), endpoint, new(buffer), etcdclient.StreamOptions{})
	if !errors.Is(err, etcdclient.ErrDenied) {
		t.Errorf("got %v, want ErrDenied", err)
	}
}
