package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/internal/durable"
	"github.com/etcd-restore/etcd-restore/pkg/transport"
)

// errSilence is why an input counts as broken that does not end.
var errSilence = errors.New("nothing came any more")

// upload is a file that grows.
type upload struct {
	*os.File
	path         string // the final one
	have, size   int64  // bytes
	synced, told int64  // bytes
	tell         func(transport.Arrived) error
	err          error // of the disk, or of who is told
}

// begin says how much there is, if the rest fits.
func (u *upload) begin() error {
	info, err := u.Stat()
	if err != nil {
		return err
	}
	if u.have = info.Size(); u.have > u.size { // of another program: no upload goes that far
		u.have = 0
		if err := u.Truncate(0); err != nil {
			return err
		}
	}
	u.synced, u.told = u.have, u.have
	free, _, err := durable.Space(filepath.Dir(u.path))
	if err != nil {
		return err
	}
	if free < u.size-u.have {
		return noSpace(filepath.Dir(u.path), fmt.Errorf("it takes %d bytes and %d are free", u.size-u.have, free))
	}
	return u.tell(u.arrived())
}

func (u *upload) arrived() transport.Arrived { return transport.Arrived{Path: u.path, Have: u.have} }

// take reads until the end of the input, or of what comes of it: that is no error.
func (u *upload) take(ctx context.Context, in io.Reader) error {
	if u.have == u.size {
		return nil
	}
	r, w := io.Pipe()
	defer r.Close()
	defer context.AfterFunc(ctx, func() { w.CloseWithError(context.Cause(ctx)) })()
	silent := time.AfterFunc(silence, func() { w.CloseWithError(errSilence) })
	defer silent.Stop()
	go func() {
		_, err := io.Copy(struct{ io.Writer }{w}, resetting{in, silent})
		w.CloseWithError(err)
	}()
	err := transport.Decompress(u, r)
	if u.err != nil {
		return newfileError(filepath.Dir(u.path), u.err)
	}
	if u.have == u.size {
		return nil
	}
	if err == nil {
		err = io.ErrUnexpectedEOF
	}
	last := u.arrived()
	last.Broken = err.Error()
	return errors.Join(u.Sync(), u.tell(last))
}

// resetting puts a timer back with everything that is read.
type resetting struct {
	io.Reader
	timer *time.Timer
}

func (r resetting) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if n > 0 {
		r.timer.Reset(silence)
	}
	return n, err
}

// Write implements io.Writer.
func (u *upload) Write(p []byte) (int, error) {
	if u.have+int64(len(p)) > u.size {
		return 0, fmt.Errorf("more than the %d bytes of the file", u.size)
	}
	n, err := u.WriteAt(p, u.have)
	u.have += int64(n)
	if err == nil && u.have-u.synced >= syncEvery {
		u.synced, err = u.have, u.Sync()
	}
	if err == nil && u.have-u.told >= tellEvery {
		u.told, err = u.have, u.tell(u.arrived())
	}
	u.err = err
	return n, err
}
