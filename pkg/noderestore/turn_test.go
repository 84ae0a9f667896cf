package noderestore

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/controlplane"
)

// inTurn are the nodes of a party in the order of the decision, which is that of IDs.
func inTurn(p *party) []*guest {
	return slices.SortedFunc(slices.Values(p.nodes), func(a, b *guest) int { return len(a.before()) - len(b.before()) })
}

// Members start one after the other, each as soon as those before it serve their peers,
// which a single one does without any quorum.
func TestTurn(t *testing.T) {
	t.Parallel()
	nodes := inTurn(stoppedParty(t))
	for _, g := range nodes {
		g.turn = time.Minute
	}
	must(t, nodes[0].awaitTurn(bounded(t)))
	turns := make(chan int, len(nodes))
	for i, g := range nodes[1:] {
		go func() {
			if err := g.awaitTurn(t.Context()); err == nil {
				turns <- i + 1
			}
		}()
	}
	for i, g := range nodes[:2] {
		select {
		case who := <-turns:
			t.Fatalf("%d starts before %d does", who, i)
		case <-time.After(500 * time.Millisecond):
		}
		g.member.Start(t)
		select {
		case who := <-turns:
			if who != i+1 {
				t.Fatalf("it is the turn of %d, behind %d", who, i)
			}
		case <-bounded(t).Done():
			t.Fatalf("it is nobody's turn behind %d", i)
		}
	}
}

// It is an offer: whose predecessors do not come starts all the same, unless one of them
// goes back; whose etcd was started already has had its turn.
func TestNoTurn(t *testing.T) {
	t.Parallel()
	nodes := inTurn(stoppedParty(t))
	last := nodes[2]
	last.turn = 50 * time.Millisecond
	must(t, last.awaitTurn(bounded(t)))
	last.turn = time.Hour
	t.Run("one goes back", func(t *testing.T) {
		e, err := nodes[1].convene(t.Context(), back())
		must(t, err)
		defer e.leave()
		if err := last.awaitTurn(bounded(t)); !errors.Is(err, ErrAborted) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("its own was started", func(t *testing.T) {
		must(t, last.new.PutIn(last.part.pod(controlplane.Etcd)))
		must(t, last.awaitTurn(bounded(t)))
	})
}
