package kubelet

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// asKubelet lets the test binary be a process that does nothing until it is told to end.
const asKubelet = "ETCD_RESTORE_TEST_KUBELET"

func TestMain(m *testing.M) {
	if os.Getenv(asKubelet) == "" {
		os.Exit(m.Run())
	}
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM)
	fmt.Println("up")
	select {
	case <-end:
	case <-time.After(time.Minute): // of a test that was killed
	}
}

// proc is a /proc made by hand.
type proc string

func newProc(t *testing.T) proc {
	t.Helper()
	p := proc(t.TempDir())
	p.write(t, "uptime", "1000.50 1234.5\n")
	p.link(t, "self/root", "/")
	return p
}

func (p proc) write(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(string(p), name)
	must(t, os.MkdirAll(filepath.Dir(path), 0o700))
	must(t, os.WriteFile(path, []byte(text), 0o600))
}

func (p proc) link(t *testing.T, name, to string) {
	t.Helper()
	path := filepath.Join(string(p), name)
	must(t, os.MkdirAll(filepath.Dir(path), 0o700))
	must(t, os.Symlink(to, path))
}

// process adds one that began so many ticks after the boot.
func (p proc) process(t *testing.T, pid int, comm, state string, ticks int) {
	t.Helper()
	dir := strconv.Itoa(pid)
	p.write(t, dir+"/comm", comm+"\n")
	p.write(t, dir+"/stat", fmt.Sprintf("%d (%s) %s 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 %d 20 21\n", pid, comm, state, ticks))
	p.link(t, dir+"/root", "/")
}

func (p proc) end(t *testing.T, pid int) {
	t.Helper()
	must(t, os.RemoveAll(filepath.Join(string(p), strconv.Itoa(pid))))
}

func TestFindProcess(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		set  func(*testing.T, proc)
		want int // 0 is none
	}{
		"one": {func(t *testing.T, p proc) { p.process(t, 42, "kubelet", "S", 99000) }, 42},
		"among others": {func(t *testing.T, p proc) {
			p.process(t, 1, "systemd", "S", 1)
			p.process(t, 7, "kubelet-wrapper", "S", 1)
			p.process(t, 300, "kubelet", "R", 99000)
			p.write(t, "version", "Linux")
		}, 300},
		"none": {func(t *testing.T, p proc) { p.process(t, 1, "systemd", "S", 1) }, 0},
		"one that has ended before its successor": {func(t *testing.T, p proc) {
			p.process(t, 42, "kubelet", "Z", 99000)
			p.process(t, 43, "kubelet", "S", 99500)
		}, 43},
		"of another file system": {func(t *testing.T, p proc) {
			p.process(t, 42, "kubelet", "S", 99000)
			must(t, os.Remove(filepath.Join(string(p), "42/root")))
			p.link(t, "42/root", t.TempDir())
			p.process(t, 43, "kubelet", "S", 99000)
		}, 43},
		"of the host, seen from a container": {func(t *testing.T, p proc) {
			host := t.TempDir()
			for pid, comm := range map[int]string{1: "systemd", 42: "kubelet"} {
				p.process(t, pid, comm, "S", 1)
				must(t, os.Remove(filepath.Join(string(p), strconv.Itoa(pid), "root")))
				p.link(t, strconv.Itoa(pid)+"/root", host)
			}
			p.process(t, 43, "kubelet", "S", 99000)
			must(t, os.Remove(filepath.Join(string(p), "43/root")))
			p.link(t, "43/root", t.TempDir())
		}, 42},
		"whose root we may not see": {func(t *testing.T, p proc) {
			p.process(t, 42, "kubelet", "S", 99000)
			must(t, os.Remove(filepath.Join(string(p), "42/root")))
		}, 42},
		"that ends while we look": {func(t *testing.T, p proc) {
			p.process(t, 42, "kubelet", "S", 99000)
			must(t, os.Remove(filepath.Join(string(p), "42/stat")))
		}, 0},
		"malformed": {func(t *testing.T, p proc) {
			p.process(t, 42, "kubelet", "S", 99000)
			p.write(t, "42/stat", "42 (kubelet) S 1")
			p.process(t, 43, "kubelet", "S", 99000)
			p.write(t, "43/stat", "")
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProc(t)
			tc.set(t, p)
			got, err := find(string(p))
			if got.pid != tc.want || (tc.want == 0) != errors.Is(err, ErrNotRunning) {
				t.Errorf("got %+v, %v", got, err)
			}
			if err != nil && !errors.As(err, new(interface{ Hint() string })) {
				t.Errorf("no hint: %v", err)
			}
		})
	}
}

// A name in stat may hold anything.
func TestStartOf(t *testing.T) {
	t.Parallel()
	p := newProc(t)
	p.process(t, 42, "kubelet", "S", 98050) // 980.5 s after the boot, 20 s ago
	for _, name := range []string{"kubelet", "a) S 1 (b", "", ") ) )"} {
		p.write(t, "42/stat", fmt.Sprintf("42 (%s) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 98050 20\n", name))
		ticks, started, err := startOf(string(p), filepath.Join(string(p), "42"))
		must(t, err)
		if age := time.Since(started); ticks != "98050" || age < 20*time.Second || age > 50*time.Second {
			t.Errorf("%q: %s ticks, %s ago", name, ticks, age)
		}
	}
}

// The kernel's own /proc is as we think: a process of the kubelet's name is found,
// with the time of its start, and ends when it is told to.
func TestRealProcess(t *testing.T) {
	t.Parallel()
	p, begun := proc(t.TempDir()), time.Now()
	for _, name := range []string{"self", "uptime"} {
		p.link(t, name, "/proc/"+name)
	}
	cmd := startKubelet(t)
	p.link(t, strconv.Itoa(cmd.Process.Pid), fmt.Sprintf("/proc/%d", cmd.Process.Pid))
	got, err := find(string(p))
	must(t, err)
	if off := got.started.Sub(begun); got.pid != cmd.Process.Pid || off < -time.Second || off > time.Minute {
		t.Errorf("got %+v, which is %s after the start", got, off)
	}
	must(t, terminate(cmd.Process.Pid))
	must(t, cmd.Wait())
	if _, err := find(string(p)); !errors.Is(err, ErrNotRunning) {
		t.Errorf("it has ended: %v", err)
	}
	must(t, terminate(cmd.Process.Pid)) // has ended already
	must(t, terminate(0))
}

// startKubelet starts a process of that name, and waits until it has it.
func startKubelet(t *testing.T) *exec.Cmd {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubelet")
	must(t, os.Symlink(os.Args[0], path))
	cmd := exec.CommandContext(t.Context(), path)
	cmd.Env = append(os.Environ(), asKubelet+"=1")
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	if _, err := out.Read(make([]byte, 8)); err != nil {
		t.Fatal(err)
	}
	return cmd
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
