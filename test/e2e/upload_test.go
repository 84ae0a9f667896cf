//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/etcd-restore/etcd-restore/pkg/transport"
	"github.com/etcd-restore/etcd-restore/test/e2e/lab"
)

// A snapshot that takes its time to the nodes: the connection breaks, the workstation
// dies, and what has arrived has arrived. It is the last thing on a cluster, which is
// large afterwards.
func (f *fleet) testUpload(t *testing.T) {
	f.fill(t, 48)
	f.saveOver(t)
	slow := f.Node(2)
	slow.Slow(t, "24mbit")
	t.Run("workstation dies", func(t *testing.T) {
		p := f.start(t, f.overSSH("run", f.work.Path(fromCP1), "--yes")...)
		f.arrived(t, slow, 2<<20)
		p.Kill()
		f.requireOld(t)
	})
	before := f.partial(slow)
	t.Run("network breaks", func(t *testing.T) {
		p := f.start(t, f.overSSH("run", f.work.Path(fromCP1), "--yes")...)
		f.arrived(t, slow, before+2<<20)
		if now := f.partial(slow); now < before {
			t.Errorf("the upload began anew: %d bytes were there, %d are", before, now)
		}
		slow.CutAll(t)
		f.eventually(t, func(context.Context) error {
			if !strings.Contains(p.Said(), slow.Name) || p.Ended() {
				return errors.New("it does not say which node it waits for")
			}
			return nil
		})
		slow.Heal(t)
		slow.Fast(t)
		requireCode(t, done, p.Wait(t))
		f.requireRestored(t)
	})
}

// fill writes so many MiB below /bulk/, where no API server looks.
func (f *fleet) fill(t *testing.T, mebibytes int) {
	t.Helper()
	f.node.Shell(t, `for i in $(seq "$1"); do head -c 768K /dev/urandom | base64 -w 0 | `+strings.Join(lab.Etcdctl("put"), " ")+` /bulk/$i; done`, fmt.Sprint(mebibytes))
}

// partial is how much of a snapshot has arrived on the node.
func (f *fleet) partial(n *lab.Node) (most int64) {
	files, _ := filepath.Glob(filepath.Join(n.Disk(transport.Uploads), "*"))
	for _, file := range files {
		if info, err := os.Stat(file); err == nil {
			most = max(most, info.Size())
		}
	}
	return most
}

func (f *fleet) arrived(t *testing.T, n *lab.Node, bytes int64) {
	t.Helper()
	f.eventually(t, func(context.Context) error {
		if now := f.partial(n); now < bytes {
			return fmt.Errorf("%d bytes of the snapshot are on %s, want %d", now, n.Name, bytes)
		}
		return nil
	})
}
