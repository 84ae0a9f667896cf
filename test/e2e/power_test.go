//go:build e2e

package e2e

import (
	"testing"

	"github.com/etcd-restore/etcd-restore/test/e2e/lab"
)

// The power fails in the middle of a phase. After the boot resume finishes.
func TestPowerLoss(t *testing.T) {
	s := setUp(t, lab.Options{})
	for _, line := range []string{"done:stop/", "done:cutover/", "intent:start/", "done:start/"} {
		ok := t.Run(line, func(t *testing.T) {
			s.save(t)
			s.node.PowerOffAt(t, line, node(restore()...)...)
			s.node.PowerOn(t)
			s.goOn(t)
		})
		if !ok {
			return
		}
	}
}
