package noderestore

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/rendezvous"
)

// meeting is where this node tells the others how far it is and hears of them: at the
// address of its idle etcd, with the certificates of that.
type meeting struct {
	client *rendezvous.Client
	peers  []string // of the other members, one URL each
	names  []string // the same
	digest string   // of the decision that all follow

	mu    sync.Mutex
	heard map[string]bool // members that have heard what this one tells

	stop func() // telling; the address is free then
}

// convene begins to tell the others a state of this node. Leave the meeting.
func (m *machine) convene(ctx context.Context, state rendezvous.State) (*meeting, error) {
	digest, err := m.plan.Decision.Digest()
	if err != nil {
		return nil, err
	}
	address, files, err := m.place()
	if err != nil {
		return nil, err
	}
	client, err := rendezvous.NewClient(files)
	if err != nil {
		return nil, err
	}
	client.Member = m.part.Member
	listener, err := rendezvous.Listen(address, files)
	if err != nil {
		return nil, err
	}
	e := &meeting{client: client, digest: digest, heard: map[string]bool{}}
	for _, member := range m.others() {
		e.peers, e.names = append(e.peers, member.PeerURLs[0]), append(e.names, member.Name)
	}
	listener.Heard = e.hear
	state.PlanSHA256, state.Member = digest, m.part.Member
	serving, stop := context.WithCancel(ctx)
	var server sync.WaitGroup
	server.Go(func() { // the others notice if it does not serve
		_ = listener.Serve(serving, func() rendezvous.State { return state })
	})
	e.stop = func() { stop(); server.Wait() }
	return e, nil
}

func (e *meeting) leave() { e.stop() }

// hear takes note of a member that has been told. Others have no business here.
func (e *meeting) hear(member string) {
	if !slices.Contains(e.names, member) {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.heard[member] = true
}

func (e *meeting) hasHeard(member string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.heard[member]
}

// wait shows met what the others say, in their order, until it has seen enough.
func (e *meeting) wait(ctx context.Context, met func([]rendezvous.Answer) (bool, error)) error {
	return e.client.Wait(ctx, e.peers, met)
}

// follows reports whether an answer is of a node that follows the same decision.
func (e *meeting) follows(a rendezvous.Answer) bool {
	return a.Err == nil && a.State.ClusterID == 0 && a.State.PlanSHA256 == e.digest
}

// meet waits until every other node has proved that its old etcd does not run (I6).
// One whose new etcd serves has been through already. What this node has proved itself
// is looked at once more at the end, since that may have been a while.
func (m *machine) meet(ctx context.Context) error {
	if len(m.others()) == 0 {
		return nil
	}
	e, err := m.convene(ctx, rendezvous.State{Phase: "stop", Stopped: true})
	if err != nil {
		return err
	}
	defer e.leave()
	limited, cancel := context.WithTimeout(ctx, m.Meet)
	defer cancel()
	var since time.Time // all have stopped
	last := promises{}
	err = e.wait(limited, func(answers []rendezvous.Answer) (bool, error) {
		m.note(e, answers)
		last.fill(answers, time.Now())
		met, err := m.met(answers, e.digest)
		if met && since.IsZero() {
			since = time.Now()
		}
		return !since.IsZero() && (m.allHeard(e, answers) || time.Since(since) > lingering), err
	})
	if err != nil {
		return err
	}
	return m.stopped(ctx)
}

// promises are the last words of nodes that have stopped, and when they were said.
type promises map[string]struct {
	answer rendezvous.Answer
	at     time.Time
}

// keeping is for how long a node that has said that it stopped, and is silent now, counts
// as one that has. It is on its way to its new etcd: who goes back says so for longer,
// before its old etcd starts.
const keeping = 5 * time.Second

// fill puts the last word of a node that has stopped in the place of its silence.
func (p promises) fill(answers []rendezvous.Answer, now time.Time) {
	for i, a := range answers {
		switch was, said := p[a.Peer]; {
		case a.Err == nil && a.State.Stopped && !a.State.Aborted:
			p[a.Peer] = struct {
				answer rendezvous.Answer
				at     time.Time
			}{a, now}
		case a.Err == nil:
			delete(p, a.Peer)
		case said && now.Sub(was.at) < keeping:
			answers[i] = was.answer
		}
	}
}

// allHeard reports whether all others know what this node tells, or do not need to. Who
// comes last must not be gone before they have asked: the next that they would hear of
// it is its new etcd, seconds later.
func (m *machine) allHeard(e *meeting, answers []rendezvous.Answer) bool {
	for i, a := range answers {
		if !e.hasHeard(e.names[i]) && !m.isThrough(a) {
			return false
		}
	}
	return true
}

// met reports whether all others have stopped for the same plan.
func (m *machine) met(answers []rendezvous.Answer, digest string) (bool, error) {
	all := true
	for _, a := range answers {
		s := a.State
		switch {
		case a.Err != nil:
			all = false
		case s.ClusterID != 0:
			all = all && hexID(s.ClusterID) == m.plan.Decision.ClusterID
		case s.PlanSHA256 != digest:
			return false, fmt.Errorf("%w: %s at %s follows another one", ErrPlan, s.Member, a.Peer)
		case s.Aborted:
			return false, fmt.Errorf("%w: %s", ErrAborted, s.Member)
		default:
			all = all && s.Stopped
		}
	}
	return all, nil
}
