//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/etcd-restore/etcd-restore/test/e2e/lab"
)

// reached waits until the journal of a node's last run has a line.
func (f *fleet) reached(t *testing.T, n *lab.Node, event, step string) {
	t.Helper()
	f.eventually(t, func(context.Context) error {
		lines := n.Journal(t, "")
		if !slices.ContainsFunc(lines, func(l lab.Line) bool { return l.Event == event && strings.HasPrefix(l.Step, step) }) {
			return fmt.Errorf("the journal of %s has no %s %s, the last is %s", n.Name, step, event, lines[len(lines)-1])
		}
		return nil
	})
}
