package etcdclient

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
	"github.com/etcd-restore/etcd-restore/pkg/newfile"
)

// SaveOptions of Save.
type SaveOptions struct {
	StreamOptions
	Force bool // replace an existing file

	// Inspect, if set, may look at the whole file before it gets its name,
	// while it is being synced. Its error fails the save.
	Inspect func(ctx context.Context, file string) error
}

// Saved is a snapshot that stands on disk, synced.
type Saved struct {
	Path           string
	Size           int64
	SHA256         string // of the database, hexadecimal: the digest at the end of the file
	StorageVersion string // empty for servers before 3.6
	Took           time.Duration
}

// Save writes a snapshot of the member at endpoint to the file path. The file
// appears under that name only once it is whole, compared with the member's
// digest, and synced; until then it grows beside it under a name of its own,
// which is removed whatever happens. An existing file stays untouched unless
// Force is set, and then until the new one takes its place.
func (c *Client) Save(ctx context.Context, endpoint, path string, opts SaveOptions) (Saved, error) {
	start := time.Now()
	if err := newfile.Check(path, opts.Force); err != nil {
		return Saved{}, saveHint(err)
	}
	part, err := newfile.Create(path)
	if err != nil {
		return Saved{}, err
	}
	defer part.Discard()
	got, err := c.Snapshot(ctx, endpoint, part, opts.StreamOptions)
	if err != nil {
		return Saved{}, err
	}
	if err := complete(ctx, part, opts.Inspect); err != nil {
		return Saved{}, err
	}
	if err := ctx.Err(); err != nil { // the last moment to leave nothing behind
		return Saved{}, fmt.Errorf("save %s: %w", path, err)
	}
	if err := part.Publish(opts.Force); err != nil {
		return Saved{}, saveHint(err)
	}
	return Saved{
		Path:           path,
		Size:           got.Size,
		SHA256:         hex.EncodeToString(got.SHA256[:]),
		StorageVersion: got.StorageVersion,
		Took:           time.Since(start),
	}, nil
}

// complete syncs the file. Meanwhile inspect, if any, may look at it: all of it
// has been written, so that it waits for the disk no more than the sync does.
func complete(ctx context.Context, part *newfile.File, inspect func(context.Context, string) error) error {
	synced := make(chan error, 1)
	go func() { synced <- part.Sync() }()
	var err error
	if inspect != nil {
		err = inspect(ctx, part.Part())
	}
	return errors.Join(err, <-synced)
}

// saveHint knows how a file is replaced here.
func saveHint(err error) error {
	if errors.Is(err, newfile.ErrExists) {
		return hint.New(err, "give another name, or --force to replace it")
	}
	return err
}
