package recovery

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
	"github.com/etcd-restore/etcd-restore/pkg/noderestore"
	"github.com/etcd-restore/etcd-restore/pkg/revision"
	"github.com/etcd-restore/etcd-restore/pkg/topology"
)

// Wish is what somebody wants restored, and what is known of the control plane.
type Wish struct {
	Snapshot      string // a file here
	SkipHashCheck bool
	Nodes         map[string]topology.Report // that are restored, by the names of their members
	Others        []topology.Report          // of nodes that are not restored and tell of the old cluster all the same
	Excluded      []string                   // names of those that take no part
	Destroyed     []string                   // names of old members that somebody vouches will never run again
	Now           time.Time
	// Rejoin is the command line that brings a node back later, as it has to be typed
	// where this runs; nil is that for helper pods.
	Rejoin func(node string) string
}

// Make decides what all nodes have in common. What each has to do, and whether it can,
// Ask finds out on the nodes. It reads the snapshot and changes nothing.
func Make(ctx context.Context, w Wish) (*Plan, error) {
	if len(w.Nodes) == 0 {
		return nil, fmt.Errorf("%w: there is none to restore", ErrNodes)
	}
	initial, err := w.initialCluster()
	if err != nil {
		return nil, err
	}
	version, err := w.targetVersion()
	if err != nil {
		return nil, err
	}
	facts, err := readSnapshot(w.Snapshot)
	if err != nil {
		return nil, err
	}
	d, notes, err := noderestore.Decide(ctx, noderestore.Basis{
		Snapshot: w.Snapshot, SkipHashCheck: w.SkipHashCheck, InitialCluster: initial,
		Seen: w.evidence(), Old: w.oldVoters(), Destroyed: slices.Sorted(slices.Values(w.Destroyed)),
		TargetVersion: version, Now: w.Now,
	})
	if err != nil {
		return nil, err
	}
	p := &Plan{
		APIVersion: APIVersion, Kind: Kind, Created: w.Now.UTC().Truncate(time.Second), Decision: d,
		Nodes: map[string]noderestore.Part{}, Excluded: append([]string{}, w.Excluded...),
		Versions: map[string]string{}, Notes: append([]string{}, notes...),
	}
	for name, r := range w.Nodes {
		p.Nodes[name], p.Versions[name] = noderestore.Part{}, r.Etcd.Version
	}
	warnings, err := w.oldQuorum(&d, facts.Members)
	if err != nil {
		return nil, err
	}
	p.Notes = append(p.Notes, warnings...)
	p.Loss, p.Estimates = w.loss(&d), w.estimates(&d)
	return p, nil
}

func (w *Wish) names() []string {
	var names []string
	for name := range w.Nodes {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// reports are those of all nodes that tell anything.
func (w *Wish) reports() []topology.Report {
	var all []topology.Report
	for _, name := range w.names() {
		all = append(all, w.Nodes[name])
	}
	return append(all, w.Others...)
}

// initialCluster is what the manifests say of the members that are restored.
func (w *Wish) initialCluster() (string, error) {
	var parts []string
	for _, name := range w.names() {
		e := w.Nodes[name].Etcd
		switch {
		case e.Error != "":
			return "", fmt.Errorf("%w: %s: %s", ErrNodes, name, e.Error)
		case e.FlagsError != "":
			return "", fmt.Errorf("%w: %s: %s", ErrNodes, name, e.FlagsError)
		case e.Name != name || len(e.PeerURLs) == 0:
			return "", fmt.Errorf("%w: %s is member %q at %q by its manifest", ErrNodes, name, e.Name, e.PeerURLs)
		}
		for _, url := range e.PeerURLs {
			parts = append(parts, name+"="+url)
		}
	}
	return strings.Join(parts, ","), nil
}

// targetVersion is the minor version of etcd, which must be one: the data are the same
// for all.
func (w *Wish) targetVersion() (string, error) {
	version, from := "", ""
	for _, name := range w.names() {
		parts := strings.Split(w.Nodes[name].Etcd.Version, ".")
		if len(parts) < 2 {
			return "", hint.New(fmt.Errorf("%w: the version of etcd on %s is not known from its image %q", ErrNodes, name, w.Nodes[name].Etcd.Image), "restore it on the node itself: kubectl etcd-restore node run")
		}
		minor := parts[0] + "." + parts[1]
		if version != "" && minor != version {
			return "", hint.New(fmt.Errorf("%w: %s runs etcd %s, and %s runs %s", ErrNodes, from, version, name, minor), "finish the upgrade first, or go back with it: all manifests of etcd must name one version")
		}
		version, from = minor, name
	}
	return version, nil
}

func (w *Wish) evidence() []revision.Evidence {
	var all []revision.Evidence
	for _, r := range w.reports() {
		for _, e := range r.Evidence {
			e.Source += " on " + r.Hostname
			all = append(all, e)
		}
	}
	return all
}

// oldVoters are all that any node knows as a member with a vote.
func (w *Wish) oldVoters() []noderestore.Voter {
	voters := []noderestore.Voter{}
	for _, r := range w.reports() {
		for _, m := range r.Data.Members {
			v := noderestore.Voter{ID: m.ID, Name: m.Name}
			if !m.Learner && !slices.Contains(voters, v) {
				voters = append(voters, v)
			}
		}
	}
	slices.SortFunc(voters, func(a, b noderestore.Voter) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	return voters
}

// loss compares the snapshot with the newest that any node tells of.
func (w *Wish) loss(d *noderestore.Decision) Loss {
	l := Loss{
		SnapshotRevision: d.Proof.Snapshot, NewestRevision: d.Proof.Highest, NewestFrom: d.Proof.HighestFrom,
		SnapshotTime: d.Snapshot.Taken,
	}
	for _, r := range w.reports() {
		if t := lastServed(r); t.After(l.NewestTime) {
			l.NewestTime = t
		}
	}
	if l.NewestTime.After(l.SnapshotTime) {
		l.WindowSeconds = l.NewestTime.Sub(l.SnapshotTime).Seconds()
	}
	return l
}

// lastServed is when a node's etcd was last known to serve.
func lastServed(r topology.Report) time.Time {
	if r.Health.Serves {
		return r.Time
	}
	for _, c := range r.Manifests.Components {
		if c.Name == "etcd" && c.Container != nil && c.Container.Finished != nil {
			return *c.Container.Finished
		}
	}
	return time.Time{}
}

const (
	// room is what etcd takes beside its database: segments of its log, made ahead, and
	// growth in the first hours. The nodes' own check is the one that counts.
	room = 256 << 20
	// stopAndStart is what a restore takes where the database is small: containers that
	// end, a kubelet that notices, etcd and an API server that come up.
	stopAndStart = 20 * time.Second
	// opened is how much of a database etcd reads in a second when it starts.
	opened = 400 << 20
)

func (w *Wish) estimates(d *noderestore.Decision) Estimates {
	e := Estimates{
		DowntimeSeconds: (stopAndStart + time.Duration(d.Snapshot.Size/opened)*time.Second).Seconds(),
		UploadBytes:     d.Snapshot.Size * int64(len(w.Nodes)),
		SpaceBytes:      2*d.Snapshot.Size + room, // as it was sent, and as it is restored
		FreeBytes:       map[string]int64{},
	}
	for name, r := range w.Nodes {
		e.FreeBytes[name] = r.Data.Free
	}
	return e
}
