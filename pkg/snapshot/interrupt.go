package snapshot

import (
	"context"
	"io"
)

// Interruptible reads what r gives until ctx ends. A stream may be silent for a
// long time, and nothing wakes who waits for it: that one is left behind.
func Interruptible(ctx context.Context, r io.Reader) io.Reader {
	out, in := io.Pipe()
	go func() {
		_, err := io.CopyBuffer(in, struct{ io.Reader }{r}, make([]byte, 1<<18))
		in.CloseWithError(err) //nolint:errcheck // returns nil, always
	}()
	context.AfterFunc(ctx, func() {
		in.CloseWithError(context.Cause(ctx)) //nolint:errcheck // returns nil, always
	})
	return out
}
