package noderestore

import (
	"context"
	"fmt"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/rendezvous"
	"github.com/etcd-restore/etcd-restore/pkg/workflow"
)

// A node that goes back tells the others, so that they do not wait for it: it serves
// what it has to say until all have heard it, before it needs the address for its old
// etcd. Who has heard goes back, too, and tells as well.
//
// A single node that goes back does no harm, even if the others have finished: the old
// cluster has no quorum then, and its API server is not started without one.

// telling is for how long others are told that do not answer. A node that was told to
// begin at the same time has come to the meeting by then.
const telling = 15 * time.Second

// lingering is for how long others may still ask that go the same way: some rounds of
// questions.
const lingering = time.Second

// back is what a node tells that goes back and has no new etcd.
func back() rendezvous.State { return rendezvous.State{Phase: "back", Aborted: true, NoCommit: true} }

// retreat is asked before a node goes back that has told the others that it has
// stopped, and started no new etcd. Where one of them has, on the word of this node,
// the commit point decides.
func (m *machine) retreat(ctx context.Context) error {
	state := m.run.State()
	if _, started := state.Step("start/etcd"); started || state.GoingBack || len(m.others()) == 0 {
		return nil // it is decided
	}
	value := ""
	m.announce(ctx, func(ctx context.Context, answers []rendezvous.Answer) bool {
		for i, a := range answers {
			if m.isThrough(a) && value == "" {
				value = m.claimAt(ctx, m.clientURLs()[i:i+1], aborted)
			}
		}
		return value != ""
	})
	if value == committed {
		return othersFinished()
	}
	return nil
}

func othersFinished() error {
	return fmt.Errorf("%w: another node has finished the restore", workflow.ErrCommitted)
}

// isThrough reports whether an answer is of the new cluster.
func (m *machine) isThrough(a rendezvous.Answer) bool {
	return a.Err == nil && a.State.ClusterID != 0 && hexID(a.State.ClusterID) == m.plan.Decision.ClusterID
}

// hasOld reports whether an answer is of another cluster: the old one.
func (m *machine) hasOld(a rendezvous.Answer) bool {
	return a.Err == nil && a.State.ClusterID != 0 && !m.isThrough(a)
}

// tellOthers tells the others that this node goes back, unless they were told.
func (m *machine) tellOthers(ctx context.Context) {
	if len(m.others()) > 0 {
		m.announce(ctx, func(context.Context, []rendezvous.Answer) bool { return false })
	}
}

// announce tells the others that this node goes back, until all have heard it or enough
// says that no more is needed. That it cannot tell is no reason not to go back: the
// address may be in use, by the old etcd.
func (m *machine) announce(ctx context.Context, enough func(context.Context, []rendezvous.Answer) bool) {
	if m.announced {
		return
	}
	e, err := m.convene(ctx, back())
	if err != nil {
		return
	}
	defer e.leave()
	limited, cancel := context.WithTimeout(ctx, m.telling)
	defer cancel()
	_ = e.wait(limited, func(answers []rendezvous.Answer) (bool, error) {
		m.note(e, answers)
		if enough(limited, answers) {
			return true, nil
		}
		for i, a := range answers {
			switch {
			case m.goneBack[e.names[i]], e.hasHeard(e.names[i]) && !m.isThrough(a):
			case m.resumedBack && m.hasOld(a): // it has gone back before
			default:
				return false, nil
			}
		}
		m.announced = true
		return true, nil
	})
	if m.announced {
		wait(limited, lingering) // one of them may be counting who goes back
	}
	m.announced = m.announced || limited.Err() != nil
}

// note remembers who has said that it goes back: it does not have to be told.
func (m *machine) note(e *meeting, answers []rendezvous.Answer) {
	for i, a := range answers {
		if e.follows(a) && a.State.Aborted {
			m.goneBack[e.names[i]] = true
		}
	}
}
