package noderestore

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
	"github.com/etcd-restore/etcd-restore/pkg/node"
)

// Adopt makes a plan one for the node that has these facts: the decision stays, the
// rest is found here. A plan that was made for this very member must still be what is
// found, or it is an ErrChanged that names what is not. What this node has seen must
// be below the plan's revision. A plan that could not be adopted is only a decision.
func (p *Plan) Adopt(ctx context.Context, facts *node.Facts) error {
	mode := p.Node.Mode
	if mode == "" { // nobody has chosen one
		mode = ModeManifest
	}
	was := p.Node
	p.Node = Part{}
	part, err := NewPart(ctx, facts, mode, p.Decision.ID)
	if err != nil {
		return err
	}
	if err := p.Decision.includes(part.Member, facts.Etcd.PeerURLs); err != nil {
		return err
	}
	if was.Member == part.Member {
		if changed := was.differences(&part); len(changed) > 0 {
			return hint.New(fmt.Errorf("%w: %s", ErrChanged, strings.Join(changed, "; ")), "make a new plan")
		}
	}
	p.Node = part
	for _, e := range Seen(facts) {
		if e.Revision >= p.Decision.Revision {
			return notCleared(e.Source, e.Revision, p.Decision.Revision)
		}
	}
	return nil
}

// includes makes sure that a member is one of the new cluster, at its address.
func (d *Decision) includes(name string, urls []string) error {
	cluster, err := d.Cluster()
	if err != nil {
		return err
	}
	if _, ok := cluster.Member(name); !ok {
		return fmt.Errorf("%w: this node is member %q, and the plan is for %s", ErrPlan, name, d.InitialCluster)
	}
	if err := cluster.CheckAdvertised(name, urls); err != nil {
		return fmt.Errorf("%w: %w", ErrPlan, err)
	}
	return nil
}

// differences are what is not on a node any more as a plan has it, for a person. What
// serves there may have changed: a way back leads to what serves when it is begun.
func (p *Part) differences(now *Part) (changed []string) {
	for _, fact := range []struct{ name, was, is string }{
		{"the data directory", p.OldData, now.OldData},
		{"the directory of the log", p.OldWAL, now.OldWAL},
		{"the new data directory", p.NewData, now.NewData},
		{"the new directory of the log", p.NewWAL, now.NewWAL},
		{"the folder of manifests", p.Folder, now.Folder},
		{"the folder for manifests that are out", p.Parked, now.Parked},
	} {
		if fact.was != fact.is {
			changed = append(changed, fmt.Sprintf("%s is %q, and was %q", fact.name, fact.is, fact.was))
		}
	}
	for _, is := range now.Manifests {
		i := slices.IndexFunc(p.Manifests, func(was Manifest) bool { return was.Component == is.Component })
		switch {
		case i < 0:
			changed = append(changed, fmt.Sprintf("the plan knows no manifest of %s", is.Component))
		case p.Manifests[i] != is:
			changed = append(changed, fmt.Sprintf("the manifest %s is another", is.File))
		}
	}
	if len(changed) == 0 && !slices.Equal(p.Edits, now.Edits) {
		changed = append(changed, "etcd's manifest would be edited in another way")
	}
	return changed
}
