package salvage

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// supervised runs work that uses etcd's own packages. Where those cannot go on,
// as on a full disk, they end the process through the logger, from whatever
// goroutine they are in, with locks held. Here that goroutine ends, and its last
// words are the error. What it leaves open is on a file that nobody needs then.
// Nor is work waited for when ctx ends: reading all keys takes etcd a while.
func supervised(ctx context.Context, work func(*zap.Logger) error) error {
	last := make(lastWords, 1)
	done := make(chan error, 1)
	lg := zap.New(zapcore.NewNopCore(), zap.WithPanicHook(last), zap.WithFatalHook(last))
	go func() {
		defer func() {
			switch r := recover().(type) {
			case nil:
			case error:
				done <- fmt.Errorf("%w: %w", ErrReplay, r)
			default:
				done <- fmt.Errorf("%w: %v", ErrReplay, r)
			}
		}()
		done <- work(lg)
	}()
	select {
	case err := <-done:
		return err
	case err := <-last:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// lastWords takes the place of panic and exit.
type lastWords chan error

// OnWrite implements zapcore.CheckWriteHook. It does not return.
func (l lastWords) OnWrite(entry *zapcore.CheckedEntry, fields []zapcore.Field) {
	err := errors.New(entry.Message)
	for _, f := range fields {
		if cause, ok := f.Interface.(error); ok && f.Type == zapcore.ErrorType {
			err = fmt.Errorf("%s: %w", entry.Message, cause)
		}
	}
	select {
	case l <- fmt.Errorf("%w: %w", ErrReplay, err):
	default: // somebody else came first
	}
	runtime.Goexit()
}
