package lab

import (
	"cmp"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

const (
	firstLab = "20" // far from those that somebody has by hand
	maxLabs  = 16
)

// reserve finds a number that no other test has, and keeps it until this one ends.
func reserve(t etcdtest.T) string {
	t.Helper()
	first, err := strconv.Atoi(cmp.Or(os.Getenv("LAB_NUMBER"), firstLab))
	if err != nil {
		t.Fatalf("LAB_NUMBER: %v", err)
	}
	for n := first; n < first+maxLabs; n++ {
		number := strconv.Itoa(n)
		f, err := os.OpenFile("/var/tmp/etcd-restore-lab-"+number+".reserved", os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			t.Fatalf("%v", err)
		}
		if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
			t.Cleanup(func() { f.Close() })
			return number
		}
		f.Close()
	}
	t.Fatalf("all labs from %d on are in use", first)
	return ""
}
