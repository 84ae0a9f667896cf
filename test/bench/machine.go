package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"

	"github.com/etcd-restore/etcd-restore/test/bench/fixture"
)

// describeMachine prints what the figures depend on.
func describeMachine(b *bench, o fixture.Options) {
	var uts syscall.Utsname
	if err := syscall.Uname(&uts); err != nil {
		b.t.Fatalf("%v", err)
	}
	info, err := os.Stat(b.snapshot)
	if err != nil {
		b.t.Fatalf("%v", err)
	}
	fmt.Printf("- processor: %d x %s\n", runtime.NumCPU(), field("/proc/cpuinfo", "model name"))
	fmt.Printf("- memory: %s\n", field("/proc/meminfo", "MemTotal"))
	fmt.Printf("- kernel: Linux %s, %s\n", text(uts.Release[:]), runtime.Version())
	fmt.Printf("- database: %d bytes, %d live keys\n- rounds: %d\n", info.Size(), o.Keys, b.rounds)
}

func text(c []int8) string {
	var s strings.Builder
	for _, b := range c {
		if b == 0 {
			break
		}
		s.WriteByte(byte(b))
	}
	return s.String()
}

// field returns the first value of "name: value" in a file of /proc.
func field(path, name string) string {
	f, err := os.Open(path)
	if err != nil {
		return "unknown"
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if k, v, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(k) == name {
			return strings.TrimSpace(v)
		}
	}
	return "unknown"
}
