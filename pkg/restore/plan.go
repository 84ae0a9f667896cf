package restore

import (
	"fmt"
	"strconv"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/evidence"
	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
	"github.com/etcd-restore/etcd-restore/pkg/membership"
	"github.com/etcd-restore/etcd-restore/pkg/revision"
	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
)

// Plan is what a restore will do, or has done.
type Plan struct {
	Snapshot  Snapshot `json:"snapshot"`
	ClusterID string   `json:"clusterID"` // hex, as etcd prints it
	Token     string   `json:"initialClusterToken"`
	Members   []Member `json:"members"` // those that are written
	Revision  Revision `json:"revision"`
	Version   string   `json:"targetVersion,omitempty"`
	Compact   bool     `json:"compact"`
	Space     []Space  `json:"space,omitempty"`
	Notes     []string `json:"notes"` // what was decided without being asked
}

// Snapshot is the file that is restored.
type Snapshot struct {
	Path       string           `json:"path"`
	Size       int64            `json:"size"` // bytes of the database, -1 while unknown
	Kubernetes bool             `json:"kubernetes"`
	SHA256     string           `json:"sha256,omitempty"`
	Trailer    snapshot.Trailer `json:"trailer,omitempty"`
}

// Member is one member of the new cluster.
type Member struct {
	Name     string   `json:"name"`
	ID       string   `json:"id"` // hex, as etcd prints it
	PeerURLs []string `json:"peerURLs"`
	Learner  bool     `json:"learner"`
	DataDir  string   `json:"dataDir"`
	WALDir   string   `json:"walDir,omitempty"` // if it is not in the data directory
	Size     int64    `json:"size"`             // bytes of its db, -1 while unknown
}

// Revision is the proof that no client sees a revision go back.
type Revision struct {
	revision.Proof
	Restored  int64 `json:"restored"`  // the revision the new cluster starts at
	Compacted int64 `json:"compacted"` // watches and reads below it are refused with "compacted"
}

// Space is what a restore needs on one file system.
type Space struct {
	Dir  string `json:"dir"`
	Need int64  `json:"need"` // bytes, if blocks cannot be shared
	Free int64  `json:"free"`
}

// decision is what depends on the content of the snapshot.
type decision struct {
	kubernetes bool
	proof      revision.Proof
	mark       bool // compaction is marked up to the restored revision
	compacted  int64
	notes      []string
}

// restored is the revision the new cluster starts at.
func (d decision) restored() int64 { return d.proof.Snapshot + int64(d.proof.Bump) }

// decide settles revision and compaction for the snapshot f (invariant I5).
func (c *Config) decide(f *snapshot.File, now time.Time) (decision, error) {
	base, err := evidence.Of(f) // also vouches for the buckets that the edit empties
	if err != nil {
		return decision{}, err
	}
	d := decision{mark: c.MarkCompacted, compacted: base.Compacted(), notes: evidence.Notes(base, c.Seen)}
	if d.kubernetes, err = f.Kubernetes(); err != nil {
		return decision{}, err
	}
	mode := c.Bump.Mode
	if mode == BumpDefault && d.kubernetes {
		mode, d.mark = BumpAuto, true
		d.notes = append(d.notes, "the snapshot holds a Kubernetes keyspace: the revision is raised and everything up to it marked compacted, "+
			"so that every informer lists again (--bump-revision=0 --mark-compacted=false switches it off)")
	}
	if mode == BumpAuto {
		d.proof, err = evidence.Auto(base, c.Seen, now)
	} else {
		d.proof, err = evidence.Fixed(base, c.Bump.By, c.Seen)
	}
	if err != nil {
		return decision{}, err
	}
	if d.proof.Bump > 0 && !d.mark {
		return decision{}, hint.New(fmt.Errorf("%w: the revision is to be raised without marking it compacted, so that a watch would wait in the gap for ever", ErrConfig),
			"add --mark-compacted")
	}
	if d.mark || c.Compact {
		d.compacted = d.restored()
	}
	return d, nil
}

// describe fills a plan from the configuration alone.
func (c *Config) describe() *Plan {
	p := &Plan{
		Snapshot:  Snapshot{Path: c.Path, Size: -1},
		ClusterID: strconv.FormatUint(c.Cluster.ID, 16),
		Token:     c.Cluster.Token,
		Version:   c.TargetVersion,
		Compact:   c.Compact,
		Notes:     []string{},
	}
	for _, t := range c.Targets {
		m, _ := c.Cluster.Member(t.Member)
		p.Members = append(p.Members, plannedMember(m, t))
	}
	return p
}

func plannedMember(m membership.Member, t Target) Member {
	return Member{
		Name: m.Name, ID: strconv.FormatUint(m.ID, 16), PeerURLs: m.PeerURLs, Learner: m.Learner,
		DataDir: t.DataDir, WALDir: t.WALDir, Size: -1,
	}
}

// settle adds what was decided from the snapshot f.
func (p *Plan) settle(f *snapshot.File, d decision) {
	p.Snapshot.Size, p.Snapshot.Kubernetes = f.Size(), d.kubernetes
	p.Revision = Revision{Proof: d.proof, Restored: d.restored(), Compacted: d.compacted}
	p.Notes = append([]string{}, d.notes...)
}
