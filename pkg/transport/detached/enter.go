package detached

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/etcd-restore/etcd-restore/pkg/internal/durable"
	"github.com/etcd-restore/etcd-restore/pkg/transport"
)

// place is where a job has its files.
type place struct{ folder, name string }

var isName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$`)

func open(folder, name string) (place, error) {
	if !isName.MatchString(name) {
		return place{}, fmt.Errorf("%w: %q is not of [a-z0-9-], at most 40", ErrName, name)
	}
	if !filepath.IsAbs(folder) {
		return place{}, fmt.Errorf("%w: %q is no absolute path", ErrName, folder)
	}
	return place{folder, name}, transport.MakeFolder(folder)
}

func (p place) log() string  { return filepath.Join(p.folder, p.name+".log") }
func (p place) lock() string { return filepath.Join(p.folder, p.name+".lock") }
func (p place) unit() string { return "etcd-restore-" + p.name + ".service" }

func (p place) openLog() (*os.File, error) {
	return os.OpenFile(p.log(), os.O_WRONLY|os.O_CREATE|os.O_APPEND|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600)
}

// take locks the name. The file holds the ID of the process that has it.
func (p place) take() (*os.File, error) {
	lock, err := os.OpenFile(p.lock(), os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, err
	}
	switch err := durable.Lock(lock); {
	case err == nil:
		return lock, nil
	case errors.Is(err, unix.EWOULDBLOCK):
		err = fmt.Errorf("%w: %s", ErrRuns, p.name)
		return nil, errors.Join(err, lock.Close())
	default:
		return nil, errors.Join(err, lock.Close())
	}
}

// takeSoon is take for a process that stays: who only looks whether the name is free has
// the lock for a moment, too.
func (p place) takeSoon() (*os.File, error) {
	for deadline := time.Now().Add(time.Second); ; time.Sleep(20 * time.Millisecond) {
		lock, err := p.take()
		if !errors.Is(err, ErrRuns) || time.Now().After(deadline) {
			return lock, err
		}
	}
}

// pid is that of the process that has the name, 0 if it has not said so yet.
func (p place) pid() int {
	text, _ := os.ReadFile(p.lock())
	pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return pid
}

// Stay is a job in its own process.
type Stay struct {
	Log  *os.File // for its output
	lock *os.File
}

// Enter makes this process the one that has the name, until it ends. All that it prints,
// and what the runtime prints if it dies, goes to the log. It fails with ErrRuns if
// another has the name. notify is the value of NotifySocket, "" for none; it is not for what
// this process starts.
func Enter(folder, name, notify string) (*Stay, error) {
	p, err := open(folder, name)
	if err != nil {
		return nil, err
	}
	s := &Stay{}
	if s.lock, err = p.takeSoon(); err != nil {
		return nil, err
	}
	if s.Log, err = p.openLog(); err != nil {
		return nil, err
	}
	for _, fd := range []int{1, 2} {
		if err := replace(fd, s.Log); err != nil {
			return nil, fmt.Errorf("write to %s: %w", p.log(), err)
		}
	}
	if err := s.lock.Truncate(0); err != nil {
		return nil, err
	}
	if _, err := s.lock.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0); err != nil {
		return nil, err
	}
	return s, ready(notify)
}

// NotifySocket is the variable with the socket of systemd's Type=notify.
const NotifySocket = "NOTIFY_SOCKET"

// ready is sd_notify(3).
func ready(socket string) error {
	if socket == "" {
		return nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = conn.Write([]byte("READY=1"))
	return err
}
