package rendezvous

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Answer is what came from a node last: its state, or why there is none.
type Answer struct {
	Peer  string
	State State
	Err   error
}

// errNotYet is the answer of a node before it has given one.
var errNotYet = errors.New("no answer yet")

// pollInterval is how often each node is asked.
const pollInterval = 100 * time.Millisecond

// Wait asks the nodes, each for itself, until met says that all have met: it is
// shown their last answers, in the order of the peers, whenever there is a new one,
// and ends the wait with an error if they never will. If the context ends first the
// error says what came from each node last.
func (c *Client) Wait(ctx context.Context, peers []string, met func([]Answer) (bool, error)) error {
	answers := make([]Answer, len(peers))
	for i, peer := range peers {
		answers[i] = Answer{Peer: peer, Err: errNotYet}
	}
	if done, err := met(slices.Clone(answers)); done || err != nil {
		return err
	}
	asking, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	fresh := make(chan news)
	for i, peer := range peers {
		running.Go(func() { c.follow(asking, i, peer, fresh) })
	}
	for {
		select {
		case n := <-fresh:
			answers[n.peer] = n.Answer
			if done, err := met(slices.Clone(answers)); done || err != nil {
				return err
			}
		case <-ctx.Done():
			return fmt.Errorf("%w: %w: %s", context.Cause(ctx), ErrBarrier, describe(answers))
		}
	}
}

// news is an answer of the peer with a number.
type news struct {
	peer int
	Answer
}

// follow asks one node until the context ends. What that cut short is no news.
func (c *Client) follow(ctx context.Context, i int, peer string, tell chan<- news) {
	ticks := time.NewTicker(pollInterval)
	defer ticks.Stop()
	for {
		s, err := c.Ask(ctx, peer)
		if ctx.Err() != nil {
			return
		}
		select {
		case tell <- news{i, Answer{peer, s, err}}:
		case <-ctx.Done():
			return
		}
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return
		}
	}
}

// describe is one line about all nodes.
func describe(answers []Answer) string {
	var words []string
	for _, a := range answers {
		switch s := a.State; {
		case errors.Is(a.Err, errNotYet):
			words = append(words, fmt.Sprintf("%s: %v", a.Peer, a.Err))
		case a.Err != nil:
			words = append(words, a.Err.Error())
		case s.ClusterID != 0:
			words = append(words, fmt.Sprintf("%s: etcd of cluster %x", a.Peer, s.ClusterID))
		default:
			words = append(words, fmt.Sprintf("%s: %s is in phase %s, stopped: %t, aborted: %t, plan %.12s", a.Peer, s.Member, s.Phase, s.Stopped, s.Aborted, s.PlanSHA256))
		}
	}
	return strings.Join(words, "; ")
}
