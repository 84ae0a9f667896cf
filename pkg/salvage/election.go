package salvage

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
)

// election is the outcome of comparing all directories.
type election struct {
	members        []*member // in the order in which they were given
	winner         *member
	configurations []configuration // that matter for the majority
	majority       bool            // every acknowledged write is in the winner's log
	proven         uint64          // entries up to here are known to be committed
}

// elect examines the sources and finds the winner. Close the election, also after
// an error.
func elect(ctx context.Context, sources []Source) (*election, error) {
	e := &election{members: make([]*member, len(sources))}
	errs := make([]error, len(sources)) // all of them: somebody is going to fix one after the other
	var wg sync.WaitGroup
	for i, src := range sources {
		wg.Go(func() { e.members[i], errs[i] = examine(ctx, src) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return e, err
	}
	if err := compareAll(e.members); err != nil {
		return e, err
	}
	return e, e.decide()
}

func (e *election) close() {
	for _, m := range e.members {
		if m != nil {
			m.close()
		}
	}
}

// decide lets those with a vote elect one of their own. If they are no majority,
// a damaged log that reaches further wins: nothing is proven then anyway.
func (e *election) decide() error {
	voting := slices.DeleteFunc(slices.Clone(e.members), func(m *member) bool { return m.noVote != "" })
	if len(voting) > 0 {
		if err := e.crown(furthest(voting)); err != nil || e.majority {
			return err
		}
	}
	if all := furthest(e.members); all != e.winner {
		return e.crown(all)
	}
	return nil
}

// furthest returns the member with the longest log, of equals the one with the
// least to replay.
func furthest(members []*member) *member {
	return slices.MaxFunc(members, func(a, b *member) int {
		switch {
		case a.ahead(b), b.dbErr != nil && a.dbErr == nil && !b.ahead(a):
			return 1
		case b.ahead(a), a.dbErr != nil && b.dbErr == nil:
			return -1
		}
		return cmp.Compare(a.applied(), b.applied())
	})
}

// crown makes m the winner and counts who stands behind it.
func (e *election) crown(m *member) (err error) {
	e.winner = m
	if err := follow(m, e.members); err != nil {
		return err
	}
	e.proven = m.commit()
	for _, other := range e.members {
		if other.noVote == "" {
			e.proven = max(e.proven, other.commit())
		}
	}
	_, last := m.last()
	e.proven = min(e.proven, last)
	if e.configurations, err = m.configurations(min(m.commit(), last), last); err != nil {
		return unusable(err)
	}
	// What somebody knows to be committed, and this log does not have, was acknowledged.
	whole := m.noVote == "" && m.forced() == 0 && e.knownBeyond(last) == 0
	e.majority = whole && !slices.ContainsFunc(e.configurations, func(c configuration) bool { return e.votes(c) < c.quorum() })
	return nil
}

// votes counts the voters of a configuration that were given and have a vote.
func (e *election) votes(c configuration) (n int) {
	for _, m := range e.members {
		if m.noVote == "" && slices.Contains(c.voters, m.log.MemberID) {
			n++
		}
	}
	return n
}
