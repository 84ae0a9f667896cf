package etcdclient

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
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
	if err := checkTarget(path, opts.Force); err != nil {
		return Saved{}, err
	}
	part, err := createPart(path)
	if err != nil {
		return Saved{}, err
	}
	defer part.discard()
	got, err := c.Snapshot(ctx, endpoint, part, opts.StreamOptions)
	if err != nil {
		return Saved{}, err
	}
	if err := part.complete(ctx, opts.Inspect); err != nil {
		return Saved{}, err
	}
	if err := ctx.Err(); err != nil { // the last moment to leave nothing behind
		return Saved{}, fmt.Errorf("save %s: %w", path, err)
	}
	if err := part.publish(path, opts.Force); err != nil {
		return Saved{}, err
	}
	return Saved{
		Path:           path,
		Size:           got.Size,
		SHA256:         hex.EncodeToString(got.SHA256[:]),
		StorageVersion: got.StorageVersion,
		Took:           time.Since(start),
	}, nil
}

// checkTarget says at once what would only fail after the whole transfer.
func checkTarget(path string, force bool) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENOTDIR):
		return checkParent(filepath.Dir(path))
	case err != nil:
		return err
	case info.IsDir():
		return hint.New(fmt.Errorf("%s: %w: it is a directory", path, ErrTarget),
			"give the name of a file in it, such as %s", filepath.Join(path, "snapshot.db"))
	case info.Mode()&fs.ModeSymlink != 0:
		// To rename over it would replace the link and leave its target old.
		return hint.New(fmt.Errorf("%s: %w: it is a symbolic link", path, ErrTarget),
			"give the path that the link points to")
	case !info.Mode().IsRegular():
		return hint.New(fmt.Errorf("%s: %w: it is not a regular file", path, ErrTarget), "give the name of a new file")
	case !force:
		return existsError(path)
	}
	return nil
}

func checkParent(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return hint.New(fmt.Errorf("%s: %w: the directory does not exist", dir, ErrTarget), "run mkdir -p %s", hint.Path(dir))
	case err != nil:
		return err
	case !info.IsDir():
		return hint.New(fmt.Errorf("%s: %w: it is not a directory", dir, ErrTarget), "give a path in a directory")
	}
	return nil
}

func existsError(path string) error {
	return hint.New(fmt.Errorf("%s: %w", path, ErrExists), "give another name, or --force to replace it")
}
