package noderestore

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/evidence"
	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
	"github.com/etcd-restore/etcd-restore/pkg/membership"
	"github.com/etcd-restore/etcd-restore/pkg/restore"
	"github.com/etcd-restore/etcd-restore/pkg/revision"
	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
)

// Basis is what a decision is made of. All of it can be told on a host that restores
// nothing itself, but the snapshot, which must be there.
type Basis struct {
	Snapshot       string
	SkipHashCheck  bool
	InitialCluster string              // all members, as etcd's flag has them
	Seen           []revision.Evidence // of the old cluster, from all that can tell
	Old            []Voter             // of the old cluster, by all that can tell
	Destroyed      []string            // names of old members that somebody vouches will never run again
	TargetVersion  string              // of the etcd that is to serve it: "3.6"
	Now            time.Time
}

// Decide decides what all members have in common. It reads the snapshot once, for its
// hash. The notes are what was decided without being asked.
func Decide(ctx context.Context, b Basis) (d Decision, notes []string, err error) {
	d = Decision{InitialCluster: b.InitialCluster, TargetVersion: b.TargetVersion, Old: b.Old, Destroyed: b.Destroyed}
	if d.Snapshot, err = identify(ctx, b.Snapshot, b.SkipHashCheck); err != nil {
		return Decision{}, nil, err
	}
	if d.Token, err = membership.NewToken(); err != nil {
		return Decision{}, nil, err
	}
	d.ID = b.Now.UTC().Format("20060102T150405Z") + "-" + d.Token[len(d.Token)-4:]
	notes, err = d.settle(b)
	return d, notes, err
}

// settle chooses the revision, by the rule of every restore (I5).
func (d *Decision) settle(b Basis) (notes []string, err error) {
	cluster, err := d.Cluster()
	if err != nil {
		return nil, err
	}
	d.ClusterID = hexID(cluster.ID)
	r, err := restore.Decide(restore.Config{
		Path: d.Snapshot.Path, Cluster: cluster, SkipHashCheck: d.Snapshot.SkipHashCheck,
		Bump:          restore.Bump{Mode: restore.BumpAuto},
		MarkCompacted: true,
		Seen:          b.Seen,
		TargetVersion: d.TargetVersion,
	}, b.Now)
	if err != nil {
		return nil, err
	}
	d.Proof, d.Revision, d.Compacted = r.Revision.Proof, r.Revision.Restored, r.Revision.Compacted
	return r.Notes, nil
}

// identify finds out which snapshot it is. That it is sound is a check of its own.
func identify(ctx context.Context, name string, skipHashCheck bool) (Snapshot, error) {
	path, err := filepath.Abs(name) // who resumes the run may stand elsewhere
	if err != nil {
		return Snapshot{}, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return Snapshot{}, err
	}
	f, err := snapshot.Open(name)
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
		Taken: info.ModTime().UTC().Truncate(time.Second), SkipHashCheck: skipHashCheck && !f.HasTrailer(),
	}, nil
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
