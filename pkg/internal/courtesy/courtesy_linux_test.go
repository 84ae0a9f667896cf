package courtesy

import (
	"os"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// nicenesses are those of all threads.
func nicenesses(t *testing.T) map[int]bool {
	t.Helper()
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	all := map[int]bool{}
	for _, thread := range threads {
		id, err := strconv.Atoi(thread.Name())
		if err != nil {
			t.Fatal(err)
		}
		if p, err := unix.Getpriority(unix.PRIO_PROCESS, id); err == nil { // it has not ended
			all[20-p] = true
		}
	}
	return all
}

func TestStepsBackAndComesForward(t *testing.T) {
	before := nicenesses(t)
	end := Begin()
	during := nicenesses(t)
	end()
	after := nicenesses(t)
	want := map[int]bool{niceness: true}
	if !mayComeBack() { // then nothing happens
		want = before
	}
	if !equal(during, want) || !equal(after, before) {
		t.Errorf("before %v, during %v, after %v", before, during, after)
	}
}

func equal(a, b map[int]bool) bool {
	for k := range a {
		if !b[k] {
			return false
		}
	}
	return len(a) == len(b)
}
