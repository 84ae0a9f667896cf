package etcdtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
)

// T is what the package needs of a *testing.T. [Run] provides one to a program
// that is no test.
type T interface {
	Context() context.Context
	Helper()
	Logf(format string, args ...any)
	Fatalf(format string, args ...any)
	Skipf(format string, args ...any)
	Failed() bool
	Cleanup(func())
	TempDir() string
}

// Run calls f with a T of its own, runs the cleanups in reverse order whatever
// f did, and returns what f failed or skipped with. Log lines go to logf.
func Run(ctx context.Context, logf func(format string, args ...any), f func(T)) error {
	p := &program{ctx: ctx, logf: logf}
	done := make(chan struct{})
	// A goroutine of its own, so that Fatalf can end f from any depth.
	go func() {
		defer close(done)
		defer p.cleanup()
		f(p)
	}()
	<-done
	return p.err
}

// program is the T of a program. It is used from one goroutine only.
type program struct {
	ctx      context.Context
	logf     func(format string, args ...any)
	err      error
	cleanups []func()
}

func (p *program) Context() context.Context        { return p.ctx }
func (p *program) Helper()                         {}
func (p *program) Logf(format string, args ...any) { p.logf(format, args...) }
func (p *program) Skipf(format string, a ...any)   { p.Fatalf(format, a...) }
func (p *program) Failed() bool                    { return p.err != nil }
func (p *program) Cleanup(f func())                { p.cleanups = append(p.cleanups, f) }

func (p *program) Fatalf(format string, args ...any) {
	p.err = errors.Join(p.err, fmt.Errorf(format, args...))
	runtime.Goexit()
}

func (p *program) TempDir() string {
	dir, err := os.MkdirTemp("", "etcd-restore-")
	if err != nil {
		p.Fatalf("%v", err)
	}
	p.Cleanup(func() { p.err = errors.Join(p.err, os.RemoveAll(dir)) })
	return dir
}

// cleanup runs the cleanups, last first, and the others even if one fails.
func (p *program) cleanup() {
	last := len(p.cleanups) - 1
	if last < 0 {
		return
	}
	f := p.cleanups[last]
	p.cleanups = p.cleanups[:last]
	defer p.cleanup()
	f()
}
