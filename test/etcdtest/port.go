package etcdtest

import (
	"fmt"
	"math/rand/v2"
	"net"
)

// Ports come from below the range the kernel hands out to outgoing connections
// (32768 and up), so that nothing takes one between choosing it and etcd's bind.
const (
	firstPort = 20000
	endPort   = 32000
)

// port claims a TCP port on loopback until the end of the test, running
// servers or not: a member that is down keeps its place.
//
// The claim is an abstract unix socket named after the port. Other test
// processes respect it; it belongs to the same network namespace as the port,
// vanishes with its owner and leaves no file behind. A port that a program
// which knows nothing of this uses is found by binding it once.
func port(t T) int {
	t.Helper()
	const size = endPort - firstPort
	start := rand.IntN(size)
	for i := range size {
		port := firstPort + (start+i)%size
		claim, err := net.Listen("unix", fmt.Sprintf("@etcd-restore/port/%d", port))
		if err != nil {
			continue
		}
		if !bindable(port) {
			claim.Close()
			continue
		}
		t.Cleanup(func() { claim.Close() })
		return port
	}
	t.Fatalf("no free port between %d and %d on loopback", firstPort, endPort)
	return 0
}

func bindable(port int) bool {
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return false
	}
	return l.Close() == nil
}
