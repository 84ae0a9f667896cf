package courtesy

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// niceness is that of work that may wait (setpriority(2)).
const niceness = 10

// Begin has this process step back until the end. Where it could not come forward again
// it does not step back.
func Begin() (end func()) {
	if !mayComeBack() {
		return func() {}
	}
	was, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
	if err != nil {
		return func() {}
	}
	was = 20 - was // the system call counts the other way
	if was >= niceness {
		return func() {}
	}
	renice(niceness)
	return func() { renice(was) }
}

// mayComeBack reports whether this process may take a higher priority.
func mayComeBack() bool {
	bounding, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, unix.CAP_SYS_NICE, 0, 0, 0)
	return err == nil && bounding == 1 && os.Geteuid() == 0
}

// renice sets the niceness of every thread: that of a process is only its first one's. What
// they start has it, too. A thread that has ended meanwhile is no loss, so there are no errors.
func renice(to int) {
	threads, _ := os.ReadDir("/proc/self/task")
	for _, t := range threads {
		if id, err := strconv.Atoi(t.Name()); err == nil {
			_ = unix.Setpriority(unix.PRIO_PROCESS, id, to)
		}
	}
}

// Forget gives the memory back that the kernel keeps a copy of a file in, which will not
// be read again. What has not been written to the disk stays.
func Forget(f *os.File) { _ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED) }
