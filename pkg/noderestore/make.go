package noderestore

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/node"
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
	initial, err := initialCluster(facts, wish)
	if err != nil {
		return nil, err
	}
	version, err := TargetVersion(facts)
	if err != nil {
		return nil, err
	}
	d, notes, err := Decide(ctx, Basis{
		Snapshot: wish.Snapshot, SkipHashCheck: wish.SkipHashCheck,
		InitialCluster: initial, Seen: Seen(facts), Old: OldVoters(facts), Destroyed: wish.Destroyed,
		TargetVersion: version, Now: wish.Now,
	})
	if err != nil {
		return nil, err
	}
	plan := NewPlan(d, wish.Now)
	plan.Notes = append(plan.Notes, notes...)
	if plan.Node, err = NewPart(ctx, facts, wish.Mode, d.ID); err != nil {
		return nil, err
	}
	return plan, nil
}

// NewPlan is a plan that knows of no node yet.
func NewPlan(d Decision, now time.Time) *Plan {
	return &Plan{APIVersion: APIVersion, Kind: Kind, Notes: []string{}, Created: now.UTC().Truncate(time.Second), Decision: d}
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

// TargetVersion is the minor version of the node's etcd: "3.6".
func TargetVersion(facts *node.Facts) (string, error) {
	if err := facts.Etcd.VersionErr; err != nil {
		return "", err
	}
	return fmt.Sprintf("%d.%d", facts.Etcd.Version.Major, facts.Etcd.Version.Minor), nil
}

// OldVoters are the members of the cluster that runs here, as its database lists
// them.
func OldVoters(facts *node.Facts) []Voter {
	var voters []Voter
	for id, name := range facts.Data.Source.Voters() {
		voters = append(voters, Voter{hexID(id), name})
	}
	slices.SortFunc(voters, func(a, b Voter) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	return voters
}
