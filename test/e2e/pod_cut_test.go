//go:build e2e

package e2e

import (
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"k8s.io/client-go/rest"

	"github.com/etcd-restore/etcd-restore/pkg/transport"
)

// brittle is a way to an API server that breaks some times, each time when so many more
// bytes have gone there, and is whole from then on.
type brittle struct {
	server string
	every  int64
	left   atomic.Int64 // how often it will still break
	sent   atomic.Int64 // bytes on their way to the API server
}

// brittleWay is the configuration of s with such a way.
func (s *scene) brittleWay(t *testing.T, every, times int64) (*rest.Config, *brittle) {
	t.Helper()
	config := rest.CopyConfig(s.config)
	config.ServerName = s.node.Address(t)
	b := &brittle{server: config.ServerName + ":6443", every: every}
	b.left.Store(times)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { listener.Close() })
	config.Host = "https://" + listener.Addr().String()
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go b.relay(client)
		}
	}()
	return config, b
}

func (b *brittle) relay(client net.Conn) {
	defer client.Close()
	conn, err := net.Dial("tcp", b.server)
	if err != nil {
		return
	}
	go func() {
		_, _ = io.Copy(client, conn)
		client.Close()
	}()
	defer conn.Close()
	for buffer := make([]byte, 64<<10); ; {
		n, err := client.Read(buffer)
		if err != nil || b.breaks(int64(n)) {
			return
		}
		if _, err := conn.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// breaks reports whether these n bytes are those that do not arrive.
func (b *brittle) breaks(n int64) bool {
	now := b.sent.Add(n)
	if now/b.every == (now-n)/b.every {
		return false
	}
	return b.left.Add(-1) >= 0
}

// testCutOff: a program whose way there is cut off in the middle arrives all the same.
func (s *scene) testCutOff(t *testing.T) {
	s.node.Must(t, "rm", "-rf", transport.Programs)
	config, way := s.brittleWay(t, 20<<20, 1)
	n, err := s.podNode(t, config, nil)
	must(t, err)
	must(t, n.Close())
	if way.left.Load() >= 1 {
		t.Error("nothing was cut off")
	}
	s.node.Must(t, "find", transport.Programs, "-name", plugin, "-perm", "0700", "-user", "root")
}

// testCutOffLarge: so does a snapshot of 2 GiB, cut off three times, and little of it is
// sent twice.
func (s *scene) testCutOffLarge(t *testing.T) {
	const size, times = 2 << 30, 3
	path := filepath.Join(t.TempDir(), "large.db")
	noise(t, path, size)
	file, err := transport.OpenFile(t.Context(), path)
	must(t, err)
	config, way := s.brittleWay(t, 512<<20, times)
	n, err := s.podNode(t, config, nil)
	must(t, err)
	defer n.Close()
	there, err := transport.Send(t.Context(), n, file, nil)
	must(t, err)
	if left := way.left.Load(); left > 0 {
		t.Errorf("of %d cuts %d were not made", times, left)
	}
	if sent := way.sent.Load(); sent > size*5/4 {
		t.Errorf("%d bytes were sent for a file of %d", sent, size)
	}
	if sum, _, _ := strings.Cut(s.node.Must(t, "sha256sum", there), " "); sum != file.SHA256 {
		t.Errorf("SHA-256 %s arrived, %s was sent", sum, file.SHA256)
	}
	s.node.Must(t, "rm", there)
}

// noise writes a file that no compression makes smaller.
func noise(t *testing.T, path string, size int64) {
	t.Helper()
	f, err := os.Create(path)
	must(t, err)
	defer f.Close()
	_, err = io.CopyN(f, rand.NewChaCha8([32]byte{}), size)
	must(t, err, f.Close())
}
