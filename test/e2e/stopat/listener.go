//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// listener is the end of a filter at which the kernel asks.
type listener struct{ fd int }

// call is struct seccomp_notif: what is about to be called.
type call struct {
	id      uint64
	thread  uint32
	flags   uint32
	number  int32
	arch    uint32
	pointer uint64
	args    [6]uint64
}

// reply is struct seccomp_notif_resp.
type reply struct {
	id    uint64
	value int64
	errno int32
	flags uint32
}

// answer lets every call go on until the journal has come to the place, or until no
// process is left under the filter.
func (l listener) answer(at place, hold bool) error {
	defer unix.Close(l.fd)
	for {
		poll := []unix.PollFd{{Fd: int32(l.fd), Events: unix.POLLIN}}
		if _, err := unix.Poll(poll, -1); errors.Is(err, unix.EINTR) {
			continue
		} else if err != nil {
			return fmt.Errorf("wait for a call: %w", err)
		}
		if poll[0].Revents&unix.POLLIN == 0 {
			return nil // nobody is left
		}
		var c call
		switch errno := l.ioctl(unix.SECCOMP_IOCTL_NOTIF_RECV, unsafe.Pointer(&c)); {
		case errno == unix.EINTR || errno == unix.ENOENT: // a signal took the call back
			continue
		case errno != 0:
			return fmt.Errorf("take a call: %w", errno)
		}
		// A call that a signal took back comes again: what counts is the file.
		switch {
		case !at.reached(c.journal()):
		case !hold:
			return unix.Kill(int(c.thread), unix.SIGKILL)
		default:
			if err := c.hold(); err != nil {
				return err
			}
			hold, at = false, place{} // once
		}
		if err := l.goOn(c); err != nil {
			return err
		}
	}
}

// hold keeps the program standing until standard input ends. It is stopped as well as
// waiting: if this process is killed the kernel takes the filter away before it kills
// the program, which must not go on in between.
func (c call) hold() error {
	if err := unix.Kill(int(c.thread), unix.SIGSTOP); err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "stopat: held")
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	return unix.Kill(int(c.thread), unix.SIGCONT)
}

func (l listener) goOn(c call) error {
	r := reply{id: c.id, flags: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE}
	if errno := l.ioctl(unix.SECCOMP_IOCTL_NOTIF_SEND, unsafe.Pointer(&r)); errno != 0 && errno != unix.ENOENT {
		return fmt.Errorf("let a call go on: %w", errno)
	}
	return nil
}

func (l listener) ioctl(request uint, arg unsafe.Pointer) unix.Errno {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(l.fd), uintptr(request), uintptr(arg))
	return errno
}

// journal is the text of the journal that the call is about. It is empty if the call
// is about another file, or about a run that has not got its name yet.
func (c call) journal() []byte {
	file := fmt.Sprintf("/proc/%d/fd/%d", c.thread, int(c.args[0]))
	name, err := os.Readlink(file)
	if err != nil || filepath.Base(name) != "journal.jsonl" || strings.HasPrefix(filepath.Base(filepath.Dir(name)), ".") {
		return nil
	}
	text, err := os.ReadFile(file) // its name may be one of another mount namespace
	if err != nil {
		return nil
	}
	return text
}
