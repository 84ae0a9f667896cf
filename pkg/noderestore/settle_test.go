package noderestore

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/etcd-restore/etcd-restore/pkg/controlplane"
	"github.com/etcd-restore/etcd-restore/pkg/journal"
	"github.com/etcd-restore/etcd-restore/pkg/workflow"
)

// requireErrs fails unless each node ended as it should: nil, or an error of this kind.
func requireErrs(t *testing.T, want, got []error) {
	t.Helper()
	for i, err := range got {
		if want[i] == nil && err != nil || !errors.Is(err, want[i]) {
			t.Errorf("node %d: got %v, want %v", i+1, err, want[i])
		}
	}
}

func same(err error, n int) (errs []error) {
	for range n {
		errs = append(errs, err)
	}
	return errs
}

// All meet, start and commit, and nothing waits for the time that stragglers have.
func TestParty(t *testing.T) {
	t.Parallel()
	p := stoppedParty(t)
	begun := time.Now()
	requireErrs(t, same(nil, 3), all(p.nodes, func(g *guest) error { return g.goes(bounded(t)) }))
	for _, g := range p.nodes {
		if s := g.run.State(); s.Outcome != journal.Complete || !s.Committed || len(s.Missing) > 0 || time.Since(begun) > g.Straggler {
			t.Errorf("%+v", s)
		}
	}
}

// A node that fails at the meeting, or on its way there, tells the others: all go back at
// once.
func TestOneFailsBeforeTheMeeting(t *testing.T) {
	t.Parallel()
	p := stoppedParty(t)
	for _, g := range p.nodes {
		g.Meet = time.Hour
	}
	begun := time.Now()
	errs := all(p.nodes, func(g *guest) error {
		if g != p.nodes[1] {
			return g.goes(bounded(t))
		}
		must(t, g.run.Intent("stop/manifests")) // and then it fails to stop something
		return workflow.Rollback(bounded(t), g.run, g.phases(), nil)
	})
	requireErrs(t, []error{workflow.ErrRolledBack, nil, workflow.ErrRolledBack}, errs)
	if took := time.Since(begun); took > telling {
		t.Errorf("it took %s", took)
	}
	for i, g := range p.nodes {
		if s := g.run.State(); s.Outcome != journal.RolledBack || i != 1 && !errors.Is(errs[i], ErrAborted) {
			t.Errorf("node %d: %+v; %v", i+1, s, errs[i])
		}
	}
}

// Somebody tells one that waits for a third.
func TestToldBackAtTheMeeting(t *testing.T) {
	t.Parallel()
	p := stoppedParty(t)
	for _, g := range p.nodes {
		g.telling = 3 * time.Second // the third never comes
	}
	must(t, journal.Tell(p.nodes[0].folder.Path, p.nodes[0].run.Name, journal.Abort))
	errs := all(p.nodes[:2], func(g *guest) error { return g.goes(bounded(t)) })
	requireErrs(t, same(workflow.ErrRolledBack, 2), errs)
	requireErrs(t, []error{ErrToldBack, ErrAborted}, errs)
}

// A node that has gone through the meeting and never comes is not waited for longer than
// stragglers are; when it comes it finds that the others have committed.
func TestStraggler(t *testing.T) {
	t.Parallel()
	p := stoppedParty(t)
	late := p.nodes[2]
	for _, g := range p.nodes {
		g.Straggler = time.Second
	}
	met := make(chan struct{})
	errs := all(p.nodes, func(g *guest) error {
		if g == late { // it promises to have stopped, and loses power
			must(t, errors.Join(g.run.Intent("stop/manifests"), g.run.Done("stop/manifests"), g.run.Intent("stop/others")))
			err := g.meet(bounded(t))
			close(met)
			return err
		}
		return g.goes(bounded(t))
	})
	<-met
	requireErrs(t, same(nil, 3), errs)
	for _, g := range p.nodes[:2] {
		if diff := cmp.Diff([]string{late.part.Member}, g.run.State().Missing); diff != "" {
			t.Error(diff)
		}
	}
	t.Run("rolled back, it would be alone", func(t *testing.T) {
		late.again(t)
		if err := workflow.Rollback(bounded(t), late.run, late.phases(), nil); !errors.Is(err, workflow.ErrCommitted) {
			t.Errorf("got %v", err)
		}
	})
	late.again(t)
	must(t, late.goes(bounded(t)))
}

// Behind the meeting the commit point decides, whoever fails first.
func TestOneFailsBehindTheMeeting(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		committed bool // another has, before
		want      error
	}{
		"nobody has committed": {false, workflow.ErrRolledBack},
		"another has":          {true, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := stoppedParty(t)
			fails := p.nodes[1]
			errs := all(p.nodes, func(g *guest) error {
				if g != fails {
					return g.forwardAll(bounded(t))
				}
				must(t, errors.Join(g.run.Intent("stop/manifests"), g.run.Done("stop/manifests"), g.run.Intent("stop/others")))
				must(t, g.meet(bounded(t)))
				must(t, errors.Join(g.run.Done("stop/others"), g.run.Intent("start/etcd")))
				if tc.committed {
					must(t, g.startEtcd(bounded(t)))
					must(t, g.commit(bounded(t)))
				}
				must(t, journal.Tell(g.folder.Path, g.run.Name, journal.Abort))
				return g.forwardAll(bounded(t))
			})
			requireErrs(t, same(tc.want, 3), errs)
			for i, g := range p.nodes {
				if s := g.run.State(); s.Committed != tc.committed || s.Outcome == "" {
					t.Errorf("node %d: %+v", i+1, s)
				}
			}
		})
	}
}

// forwardAll is machine.forward with the phases of the party.
func (g *guest) forwardAll(ctx context.Context) error {
	return g.through(ctx, g.phases())
}

// Without a quorum nobody goes back alone: a majority has to say that nothing was
// committed. A node that cannot settle can still go forward.
func TestNoQuorum(t *testing.T) {
	t.Parallel()
	p := stoppedParty(t)
	one, other, dead := p.nodes[0], p.nodes[1], p.nodes[2]
	for _, g := range p.nodes {
		g.voting, g.telling, g.Timeout = 2*time.Second, time.Second, 3*time.Second
		must(t, errors.Join(g.run.Intent("stop/manifests"), g.run.Done("stop/manifests"), g.run.Intent("stop/others"), g.run.Done("stop/others")))
	}
	err := one.goes(bounded(t))
	if s := one.run.State(); !errors.Is(err, ErrUnsettled) || !errors.Is(err, workflow.ErrStuck) || s.GoingBack || one.member.Running() {
		t.Fatalf("%v; %+v", err, s)
	}
	t.Run("two say so", func(t *testing.T) {
		for _, g := range []*guest{one, other} {
			g.again(t)
			g.voting = time.Minute
			if g == other {
				must(t, g.run.Intent("start/etcd"))
			}
		}
		requireErrs(t, same(nil, 2), all(p.nodes[:2], func(g *guest) error { return workflow.Rollback(bounded(t), g.run, g.phases(), nil) }))
	})
	t.Run("the third finds both gone back", func(t *testing.T) {
		must(t, dead.run.Intent("start/etcd"))
		requireErrs(t, []error{ErrUnsettled}, []error{workflow.Rollback(bounded(t), dead.run, dead.phases(), nil)})
	})
}

// A node that could not settle goes forward once the others are there.
func TestUnsettledGoesForward(t *testing.T) {
	t.Parallel()
	p := stoppedParty(t)
	one := p.nodes[0]
	for _, g := range p.nodes {
		must(t, errors.Join(g.run.Intent("stop/manifests"), g.run.Done("stop/manifests"), g.run.Intent("stop/others"), g.run.Done("stop/others")))
	}
	one.voting, one.Timeout = time.Second, 2*time.Second
	if err := one.goes(bounded(t)); !errors.Is(err, ErrUnsettled) {
		t.Fatal(err)
	}
	one.Timeout = time.Minute
	one.again(t)
	requireErrs(t, same(nil, 3), all(p.nodes, func(g *guest) error { return g.goes(bounded(t)) }))
}

// What stands in one log only was perhaps agreed on, and perhaps not: it counts neither
// for the way back nor for the way forward.
func TestInDoubt(t *testing.T) {
	t.Parallel()
	p := newParty(t, 3)
	for _, g := range p.nodes {
		must(t, g.new.PutIn(g.part.pod(controlplane.Etcd)))
	}
	p.nodes[1].dies(t)
	p.nodes[2].dies(t)
	one := p.nodes[0]
	one.etcd.RequestTimeout = time.Second
	_, err := one.claim(t.Context(), one.etcd.Endpoints[0], committed)
	if err == nil {
		t.Fatal("it was committed without a quorum")
	}
	if done, err := one.committed(t.Context()); done || err != nil {
		t.Errorf("%t, %v", done, err)
	}
	one.voting = time.Second
	if err := one.settle(t.Context()); !errors.Is(err, ErrUnsettled) {
		t.Errorf("got %v", err)
	}
}
