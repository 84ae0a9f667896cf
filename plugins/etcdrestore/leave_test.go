package etcdrestore

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/etcd-restore/etcd-restore/pkg/transport"
	"github.com/etcd-restore/etcd-restore/pkg/transport/detached"
)

// waiting are the arguments of a verb that waits until the test lets it go on.
func waiting(t *testing.T, dir string) (args []string, letGo func()) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Join(dir, "uploads"), 0o700))
	part, err := os.Create(filepath.Join(dir, "uploads", f0+".db.part"))
	must(t, err)
	must(t, unix.Flock(int(part.Fd()), unix.LOCK_EX))
	t.Cleanup(func() { part.Close() })
	return []string{"node", "--state-dir", dir, "receive", "--size", "5", "--sha256", f0}, func() { part.Close() }
}

// leave is node leave, and what it says.
func (u *uploads) leave(t *testing.T, name string, args []string) (left detached.Left) {
	t.Helper()
	var out bytes.Buffer
	must(t, u.Run(t.Context(), transport.Command{Args: append([]string{"node", "leave", "--name", name, "--"}, args...), Stdout: &out}))
	must(t, json.Unmarshal(out.Bytes(), &left))
	return left
}

// waitForEnd waits until nobody has the name of a job any more.
func (u *uploads) waitForEnd(t *testing.T, name string) {
	t.Helper()
	lock, err := os.Open(filepath.Join(u.dir, "log", name+".lock"))
	must(t, err)
	defer lock.Close()
	must(t, unix.Flock(int(lock.Fd()), unix.LOCK_EX))
}

// TestLeave: what is left behind runs when all who started it have gone, once.
func TestLeave(t *testing.T) {
	t.Parallel()
	n := newUploads(t)
	args, letGo := waiting(t, n.dir)
	left := n.leave(t, "run-1", args)
	if !left.Started || left.Log != filepath.Join(n.dir, "log", "run-1.log") {
		t.Errorf("%+v", left)
	}
	if sid, err := unix.Getsid(left.PID); err != nil || sid != left.PID {
		t.Errorf("process %d is in the session %d, %v", left.PID, sid, err)
	}
	if cwd, err := os.Readlink("/proc/" + strconv.Itoa(left.PID) + "/cwd"); err != nil || cwd != "/" {
		t.Errorf("it runs in %s, %v", cwd, err)
	}
	if again := n.leave(t, "run-1", args); again.Started || again.PID != left.PID {
		t.Errorf("another time: %+v", again)
	}
	if other := n.leave(t, "run-2", []string{"version"}); !other.Started {
		t.Errorf("another name: %+v", other)
	}
	letGo()
	n.waitForEnd(t, "run-1")
	log, err := os.ReadFile(left.Log)
	must(t, err)
	for _, want := range []string{"begins: ", `"broken":"unexpected EOF"`, "has ended: done (exit code 0)"} {
		if !strings.Contains(string(log), want) {
			t.Errorf("the log lacks %q:\n%s", want, log)
		}
	}
	if info, err := os.Stat(left.Log); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("log %v, %v", info.Mode(), err)
	}
	if after := n.leave(t, "run-1", []string{"no-such-verb"}); !after.Started {
		t.Errorf("when it has ended: %+v", after)
	}
	n.waitForEnd(t, "run-1")
	if log, err := os.ReadFile(left.Log); err != nil || !strings.Contains(string(log), `unknown command "no-such-verb"`) {
		t.Errorf("the log is %s, %v", log, err)
	}
}

// TestLeaveAtOnce: of several that leave the same one does, and all are content.
func TestLeaveAtOnce(t *testing.T) {
	t.Parallel()
	n := newUploads(t)
	args, letGo := waiting(t, n.dir)
	var mu sync.Mutex
	started := 0
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			left := (&uploads{Node: n.Node, dir: n.dir}).leave(t, "run", args)
			mu.Lock()
			defer mu.Unlock()
			if left.Started {
				started++
			}
		})
	}
	all.Wait()
	letGo()
	n.waitForEnd(t, "run")
	if started != 1 {
		t.Errorf("%d were started", started)
	}
}

func TestLeaveRefuses(t *testing.T) {
	t.Parallel()
	n := newUploads(t)
	for name, args := range map[string][]string{
		"no name":      {"node", "leave", "--", "version"},
		"a path":       {"node", "leave", "--name", "../x", "--", "version"},
		"a flag":       {"node", "leave", "--name", "-x", "--", "version"},
		"a long name":  {"node", "leave", "--name", strings.Repeat("x", 41), "--", "version"},
		"nothing":      {"node", "leave", "--name", "x"},
		"nothing more": {"node", "leave", "--name", "x", "--"},
	} {
		var exit *transport.ExitError
		if err := n.Run(t.Context(), transport.Command{Args: args}); !errors.As(err, &exit) || exit.Code != 2 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAgentGone: of a caller that goes nothing is left.
func TestAgentGone(t *testing.T) {
	t.Parallel()
	n := newUploads(t)
	args, _ := waiting(t, n.dir)
	ctx, cancel := context.WithCancel(t.Context())
	args[len(args)-1] = strings.Repeat("1", 64)
	went := make(chan error)
	go func() {
		r := &firstByte{read: cancel}
		went <- n.Node.Run(ctx, transport.Command{Args: args, Stdout: r, Stdin: never{ctx}})
	}()
	if err := <-went; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	part, err := os.Open(filepath.Join(n.dir, "uploads", strings.Repeat("1", 64)+".db.part"))
	must(t, err)
	defer part.Close()
	if err := unix.Flock(int(part.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		t.Errorf("somebody still has the file: %v", err)
	}
}

// firstByte says when something comes.
type firstByte struct{ read func() }

func (f *firstByte) Write(p []byte) (int, error) {
	f.read()
	return len(p), nil
}

// never has nothing to read.
type never struct{ ctx context.Context }

func (n never) Read([]byte) (int, error) {
	<-n.ctx.Done()
	return 0, n.ctx.Err()
}
