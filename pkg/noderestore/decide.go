package noderestore

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/evidence"
	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
	"github.com/etcd-restore/etcd-restore/pkg/membership"
	"github.com/etcd-restore/etcd-restore/pkg/node"
	"github.com/etcd-restore/etcd-restore/pkg/restore"
	"github.com/etcd-restore/etcd-restore/pkg/revision"
	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
)

// Wish is what somebody wants restored.
type Wish struct {
	Snapshot      string
	SkipHashCheck bool
	Members       []string // NAME=URL of each other member
	Destroyed     []string // names of old members that somebody vouches will never run again
	Mode          Mode
	Now           time.Time
}

// Make makes a plan for a node that has these facts. It reads the snapshot once, for
// its hash, and changes nothing.
func Make(ctx context.Context, facts *node.Facts, wish Wish) (*Plan, error) {
	plan := &Plan{APIVersion: APIVersion, Kind: Kind, Notes: []string{}, Created: wish.Now.UTC().Truncate(time.Second)}
	d := &plan.Decision
	var err error
	if d.Snapshot, err = identify(ctx, wish); err != nil {
		return nil, err
	}
	if d.Token, err = membership.NewToken(); err != nil {
		return nil, err
	}
	if d.InitialCluster, err = initialCluster(facts, wish); err != nil {
		return nil, err
	}
	d.ID = wish.Now.UTC().Format("20060102T150405Z") + "-" + d.Token[len(d.Token)-4:]
	if plan.Node, err = NewPart(ctx, facts, wish.Mode, d.ID); err != nil {
		return nil, err
	}
	d.Old, d.Destroyed = oldVoters(facts), wish.Destroyed
	return plan, d.settle(facts, plan)
}

// Adopt makes a plan that was made on another node one for this: the decision stays,
// the rest is found here. What this node has seen must be below the plan's revision.
func (p *Plan) Adopt(ctx context.Context, facts *node.Facts) error {
	part, err := NewPart(ctx, facts, p.Node.Mode, p.Decision.ID)
	if err != nil {
		return err
	}
	p.Node = part
	cluster, err := p.Decision.Cluster()
	if err != nil {
		return err
	}
	member, ok := cluster.Member(part.Member)
	if !ok {
		return fmt.Errorf("%w: this node is member %q, and the plan is for %s", ErrPlan, part.Member, p.Decision.InitialCluster)
	}
	if err := cluster.CheckAdvertised(member.Name, facts.Etcd.PeerURLs); err != nil {
		return fmt.Errorf("%w: %w", ErrPlan, err)
	}
	for _, e := range seen(facts) {
		if e.Revision >= p.Decision.Revision {
			return notCleared(e.Source, e.Revision, p.Decision.Revision)
		}
	}
	return nil
}

// identify finds out which snapshot it is. That it is sound is a check of its own.
func identify(ctx context.Context, wish Wish) (Snapshot, error) {
	path, err := filepath.Abs(wish.Snapshot) // who resumes the run may stand elsewhere
	if err != nil {
		return Snapshot{}, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return Snapshot{}, err
	}
	f, err := snapshot.Open(wish.Snapshot)
	if err != nil {
		return Snapshot{}, err
	}
	defer f.Close()
	sum, _, err := f.Digest(ctx)
	if err != nil {
		return Snapshot{}, err
	}
	return Snapshot{
		Path: path, Size: f.Size(), SHA256: sum,
		Taken: info.ModTime().UTC().Truncate(time.Second), SkipHashCheck: wish.SkipHashCheck && !f.HasTrailer(),
	}, nil
}

// initialCluster is this member and the others that are given.
func initialCluster(facts *node.Facts, wish Wish) (string, error) {
	if facts.Etcd.Err != nil {
		return "", facts.Etcd.Err
	}
	if err := facts.Etcd.FlagsErr; err != nil {
		return "", err
	}
	var parts []string
	for _, url := range facts.Etcd.PeerURLs {
		parts = append(parts, facts.Etcd.Name+"="+url)
	}
	return strings.Join(append(parts, wish.Members...), ","), nil
}

// oldVoters are the members of the cluster that runs here, as its database lists
// them.
func oldVoters(facts *node.Facts) []Voter {
	var voters []Voter
	for id, name := range facts.Data.Source.Voters() {
		voters = append(voters, Voter{hexID(id), name})
	}
	slices.SortFunc(voters, func(a, b Voter) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	return voters
}

// settle chooses the revision, by the rule of every restore (I5).
func (d *Decision) settle(facts *node.Facts, plan *Plan) error {
	cluster, err := d.Cluster()
	if err != nil {
		return err
	}
	d.ClusterID = hexID(cluster.ID)
	if facts.Etcd.VersionErr != nil {
		return facts.Etcd.VersionErr
	}
	d.TargetVersion = fmt.Sprintf("%d.%d", facts.Etcd.Version.Major, facts.Etcd.Version.Minor)
	r, err := restore.Prepare(restore.Config{
		Path: d.Snapshot.Path, Cluster: cluster, SkipHashCheck: d.Snapshot.SkipHashCheck,
		Targets:       []restore.Target{plan.Node.preview()},
		Bump:          restore.Bump{Mode: restore.BumpAuto},
		MarkCompacted: true,
		Seen:          seen(facts),
		TargetVersion: d.TargetVersion,
	})
	if err != nil {
		return err
	}
	d.Proof, d.Revision, d.Compacted = r.Revision.Proof, r.Revision.Restored, r.Revision.Compacted
	plan.Notes = append(plan.Notes, r.Notes...)
	return nil
}

// seen is what the node tells of the revisions that its cluster has reached.
func seen(facts *node.Facts) []revision.Evidence {
	var all []revision.Evidence
	if s := facts.Live.Status; facts.Live.Err == nil && s.Err == nil {
		all = append(all, revision.Evidence{
			Source: "status of " + s.Endpoint, Revision: s.Revision, MemberID: s.MemberID, Voters: facts.Data.Source.Voters(),
		})
	}
	if facts.Data.Source.Proven > 0 {
		all = append(all, facts.Data.Source.Evidence())
	}
	// What an earlier restore served from is known even if its data are gone. The clock
	// alone would not do: each restore goes further above the one before than the time
	// between them may be worth.
	for _, r := range facts.Runs.Runs {
		if plan, err := Decode(r.Plan); err == nil && r.State.Committed {
			all = append(all, revision.Evidence{Source: "run " + r.Name, Revision: plan.Decision.Revision})
		}
	}
	return all
}

// Cleared checks that the decision stands above what is seen now, which can be more
// than when it was made.
func (d *Decision) Cleared(source evidence.Source) error {
	if source.Highest() < d.Revision {
		return nil
	}
	return notCleared(source.String(), source.Highest(), d.Revision)
}

func notCleared(source string, reached, planned int64) error {
	return hint.New(fmt.Errorf("%w: %s has reached %d, and the plan restores to %d", revision.ErrNotCleared, source, reached, planned), "make a new plan")
}
