package main

import (
	"bytes"
	"os"
	"time"
)

// settle waits until the disks have been idle for a second, ten seconds at most:
// what the contestant before has deleted is discarded after it has ended.
func (b *bench) settle() {
	before, since := diskstats(), time.Now()
	for start := time.Now(); time.Since(since) < time.Second && time.Since(start) < 10*time.Second; {
		time.Sleep(100 * time.Millisecond)
		if now := diskstats(); !bytes.Equal(now, before) {
			before, since = now, time.Now()
		}
	}
}

// diskstats is what the kernel counts of every disk; nothing where it does not.
func diskstats() []byte {
	stats, err := os.ReadFile("/proc/diskstats")
	if err != nil {
		return nil
	}
	return stats
}
