package detached

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
	"github.com/etcd-restore/etcd-restore/pkg/transport"
)

// Host is the machine.
type Host struct {
	Program string   // this one, to be started again
	Folder  string   // for logs and locks, absolute
	Env     []string // for a process; that of a unit is systemd's
}

// Left is what became of a job.
type Left struct {
	Started bool   `json:"started"` // false: it was there already
	PID     int    `json:"pid,omitempty"`
	Unit    string `json:"unit,omitempty"` // of systemd
	Log     string `json:"log"`
}

// patience is how long a process has to say that it is there.
const patience = 30 * time.Second

// Leave starts a job, unless it runs.
func (h Host) Leave(ctx context.Context, j transport.Job) (Left, error) {
	p, err := open(h.Folder, j.Name)
	if err != nil {
		return Left{}, err
	}
	left := Left{Log: p.log()}
	lock, err := p.take()
	if errors.Is(err, ErrRuns) {
		left.PID = p.pid()
		return left, nil
	} else if err != nil {
		return Left{}, err
	}
	lock.Close()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	args := append([]string{Verb, h.Folder, j.Name}, j.Args...)
	left.Started, left.Unit, err = h.start(ctx, p, args)
	if left.PID = p.pid(); err != nil && p.runs() { // another has been faster
		left.Started, err = false, nil
	}
	return left, err
}

// runs says whether somebody has the name.
func (p place) runs() bool {
	lock, err := p.take()
	if err == nil {
		lock.Close()
	}
	return errors.Is(err, ErrRuns)
}

// start starts the process in the best way that the host has.
func (h Host) start(ctx context.Context, p place, args []string) (started bool, unit string, err error) {
	if run, err := exec.LookPath("systemd-run"); err == nil && booted() {
		err = h.startUnit(ctx, run, p, args)
		if err == nil || p.runs() || ctx.Err() != nil {
			return err == nil, p.unit(), err
		}
	}
	err = h.startProcess(ctx, p, args)
	return err == nil, "", err
}

// booted is sd_booted(3).
func booted() bool {
	info, err := os.Lstat("/run/systemd/system")
	return err == nil && info.IsDir()
}

// startUnit waits until the process says that it is there: so does systemd-run for a
// unit of this type.
func (h Host) startUnit(ctx context.Context, run string, p place, args []string) error {
	command := []string{
		"--quiet", "--collect", "--no-ask-password", "--unit=" + p.unit(), "--service-type=notify",
		"--description=etcd-restore: " + p.name, "--property=KillMode=mixed", "--", h.Program,
	}
	for _, arg := range args {
		command = append(command, strings.ReplaceAll(arg, "$", "$$")) // systemd.service(5), COMMAND LINES
	}
	out, err := exec.CommandContext(ctx, run, command...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: systemd-run: %w: %s", ErrStart, err, bytes.TrimSpace(out))
	}
	return nil
}

// startProcess makes a process that has no part of this one's session.
func (h Host) startProcess(ctx context.Context, p place, args []string) error {
	log, err := p.openLog()
	if err != nil {
		return err
	}
	defer log.Close()
	socket := &net.UnixAddr{Name: "@etcd-restore-" + rand.Text(), Net: "unixgram"} // no file
	listener, err := net.ListenUnixgram("unixgram", socket)
	if err != nil {
		return err
	}
	defer listener.Close()
	cmd := exec.Command(h.Program, args...)
	cmd.Dir = "/"
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(slices.Clone(h.Env), NotifySocket+"="+socket.Name)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%w: %w", ErrStart, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	there := make(chan error, 1)
	go func() {
		_, err := listener.Read(make([]byte, 64))
		there <- err
	}()
	select {
	case err := <-there:
		return err
	case err := <-ended:
		if p.pid() == cmd.Process.Pid { // it was there, and its work is short
			return nil
		}
		return hint.New(fmt.Errorf("%w: it ended at once: %w", ErrStart, err), "read %s", hint.Path(p.log()))
	case <-ctx.Done():
		return errors.Join(ctx.Err(), cmd.Process.Kill())
	}
}
