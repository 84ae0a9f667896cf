package kubelet

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

type process struct {
	pid     int
	started time.Time
	ticks   string // when it started, as the kernel counts: with the pid it is unique
}

// find looks for the kubelet among the processes in proc. What is seen there of other
// containers' processes is not asked: a kubelet in one of those is named the same,
// but has another root or none that we can read.
func find(proc string) (process, error) {
	dirs, err := filepath.Glob(filepath.Join(proc, "[0-9]*"))
	if err != nil {
		return process{}, err
	}
	for _, dir := range dirs {
		name, err := os.ReadFile(filepath.Join(dir, "comm"))
		if err != nil || string(bytes.TrimSpace(name)) != "kubelet" || !sameRoot(proc, dir) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			continue
		}
		ticks, started, err := startOf(proc, dir)
		if err != nil { // it ends, or has ended
			continue
		}
		return process{pid, started, ticks}, nil
	}
	return process{}, hint.New(ErrNotRunning, "start it: systemctl start kubelet")
}

// sameRoot reports whether a process sees the file system that we see, or that of the
// first process: in a container that sees the processes of its host that is the host's.
// Who cannot tell, for want of root, takes it for true.
func sameRoot(proc, dir string) bool {
	other, err := os.Stat(filepath.Join(dir, "root", "."))
	if err != nil {
		return true
	}
	for _, process := range []string{"self", "1"} {
		own, err := os.Stat(filepath.Join(proc, process, "root", "."))
		if process == "self" && err != nil || err == nil && os.SameFile(own, other) {
			return true
		}
	}
	return false
}

// ticksPerSecond is the unit of times in /proc, the same on all of Linux.
const ticksPerSecond = 100

// startOf reads field 22 of stat, in ticks since the boot. See proc_pid_stat(5). A
// process that has ended, and only waits for its parent to notice, has none.
func startOf(proc, dir string) (ticks string, started time.Time, err error) {
	stat, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return "", time.Time{}, err
	}
	// The name in field 2 may hold anything, a parenthesis too.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 20 {
		return "", time.Time{}, fmt.Errorf("%s/stat: %d fields", dir, len(fields))
	}
	if state := string(fields[0]); state == "Z" || state == "X" {
		return "", time.Time{}, fmt.Errorf("%s/stat: it has ended", dir)
	}
	ticks = string(fields[19])
	n, err := strconv.ParseInt(ticks, 10, 64)
	if err != nil {
		return "", time.Time{}, err
	}
	uptime, err := os.ReadFile(filepath.Join(proc, "uptime"))
	if err != nil {
		return "", time.Time{}, err
	}
	word, _, _ := bytes.Cut(uptime, []byte(" "))
	up, err := strconv.ParseFloat(string(word), 64)
	if err != nil {
		return "", time.Time{}, err
	}
	age := up - float64(n)/ticksPerSecond
	return ticks, time.Now().Add(-time.Duration(age * float64(time.Second))), nil
}
