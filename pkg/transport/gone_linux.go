package transport

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// waitGone waits until the other end of a pipe or a socket has been closed. It sees it
// behind input that nobody reads, where a reader does not.
func waitGone(f *os.File) (gone bool) {
	conn, err := f.SyscallConn()
	if err != nil {
		return false
	}
	_ = conn.Control(func(fd uintptr) {
		for {
			fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
			if _, err := unix.Poll(fds, -1); !errors.Is(err, unix.EINTR) {
				gone = err == nil && fds[0].Revents&(unix.POLLHUP|unix.POLLRDHUP|unix.POLLERR) != 0
				return
			}
		}
	})
	return gone
}
