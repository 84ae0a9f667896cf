package noderestore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
	"github.com/etcd-restore/etcd-restore/pkg/rendezvous"
)

// ErrUnsettled is returned when a node cannot go back, since it cannot tell whether
// the others have finished, and not forward.
var ErrUnsettled = errors.New("nobody knows whether the restore was finished")

// voting is for how long a node waits for the others to say that nothing was committed.
const voting = time.Minute

// settle takes the commit point away from the other nodes before this one goes back
// from its new etcd, and must not go back if one of them has committed already.
//
// Where no quorum of the new cluster answers the logs must do. This node stops its new
// etcd for good, reads its own log, and tells the others what that says. What was
// committed is in the logs of a majority: once a majority says that nothing is in
// theirs, and will not run again, nothing was committed and nothing will be.
func (m *machine) settle(ctx context.Context) error {
	if len(m.others()) == 0 || m.run.State().GoingBack {
		return nil
	}
	urls := append([]string{m.etcd.Endpoints[0]}, m.clientURLs()...)
	switch m.claimAt(ctx, urls, aborted) {
	case committed:
		return othersFinished()
	case aborted:
		return nil
	}
	if err := m.stopEtcd(ctx); err != nil {
		return err
	}
	log, err := m.claimInLog() // nobody writes to it any more
	switch {
	case err != nil:
		return err
	case log.sure && log.value == committed:
		return othersFinished()
	case log.sure && log.value == aborted:
		return nil
	}
	return m.vote(ctx, log.value != committed)
}

// vote waits until a majority of the members says that nothing is committed in its log,
// or until the commit point can be asked.
func (m *machine) vote(ctx context.Context, noCommit bool) error {
	state := back()
	state.NoCommit = noCommit
	e, err := m.convene(ctx, state)
	if err != nil {
		return err
	}
	defer e.leave()
	limited, cancel := context.WithTimeout(ctx, m.voting)
	defer cancel()
	value := ""
	err = e.wait(limited, func(answers []rendezvous.Answer) (bool, error) {
		m.note(e, answers)
		votes := 0
		if noCommit {
			votes++
		}
		for i, a := range answers {
			switch {
			case m.isThrough(a):
				if value == "" {
					value = m.claimAt(limited, m.clientURLs()[i:i+1], aborted)
				}
			case m.hasOld(a), e.follows(a) && a.State.Aborted && a.State.NoCommit:
				votes++
			}
		}
		return value != "" || votes >= m.newQuorum(), nil
	})
	switch {
	case value == committed:
		return othersFinished()
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return hint.New(fmt.Errorf("%w: no majority of the members can be asked: %w", ErrUnsettled, err),
		"bring the other nodes back, and resume on all of them; or roll back on most of them at the same time")
}

// claimAt claims the commit point at the first endpoint that has a quorum, and returns
// what it says then, or "".
func (m *machine) claimAt(ctx context.Context, endpoints []string, value string) string {
	for _, endpoint := range endpoints {
		if ctx.Err() != nil {
			return ""
		}
		if said, err := m.claim(ctx, endpoint, value); err == nil {
			return said
		}
	}
	return ""
}
