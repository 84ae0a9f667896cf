package recovery

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
	"github.com/etcd-restore/etcd-restore/pkg/noderestore"
	"github.com/etcd-restore/etcd-restore/pkg/preflight"
	"github.com/etcd-restore/etcd-restore/pkg/revision"
)

// APIVersion and Kind say what a plan is, so that nothing else is taken for one.
const (
	APIVersion = "etcd-restore/v1"
	Kind       = "ClusterPlan"
)

// Plan is everything that a restore of a control plane will do. Nodes are called by the
// names of their members.
type Plan struct {
	APIVersion string                      `json:"apiVersion"`
	Kind       string                      `json:"kind"`
	Created    time.Time                   `json:"created"`
	Decision   noderestore.Decision        `json:"decision"`
	Nodes      map[string]noderestore.Part `json:"nodes"`
	Excluded   []string                    `json:"excluded"` // they take no part, and must not boot with their old data
	Loss       Loss                        `json:"loss"`
	Estimates  Estimates                   `json:"estimates"`
	Versions   map[string]string           `json:"versions"` // of etcd, on each node
	Notes      []string                    `json:"notes"`

	// Checks are what was found on each node when the plan was made. A run looks for
	// itself.
	Checks map[string]*preflight.Report `json:"preflight,omitempty"`
}

// Loss is what the snapshot lacks of what was written.
type Loss struct {
	SnapshotRevision int64     `json:"snapshotRevision"`
	NewestRevision   int64     `json:"newestRevision"`
	NewestFrom       string    `json:"newestFrom"`
	SnapshotTime     time.Time `json:"snapshotTime"`            // of the file
	NewestTime       time.Time `json:"newestTime,omitzero"`     // when the old cluster served last, as far as is known
	WindowSeconds    float64   `json:"windowSeconds,omitempty"` // between the two, 0 if it is not known
}

// Estimates are what a restore takes. Sizes are bytes.
type Estimates struct {
	DowntimeSeconds float64          `json:"downtimeSeconds"` // without any API server
	UploadBytes     int64            `json:"uploadBytes"`     // to all nodes together, before it is compressed
	SpaceBytes      int64            `json:"spaceBytes"`      // on each node
	FreeBytes       map[string]int64 `json:"freeBytes"`       // where each node has its data
}

// Encode returns the plan as JSON, for a file.
func (p *Plan) Encode() ([]byte, error) {
	text, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return nil, err
	}
	return append(text, '\n'), nil
}

// Decode reads a plan. What it does not know, it refuses: a later version may mean
// something by it.
func Decode(text []byte) (*Plan, error) {
	var is struct{ APIVersion, Kind string }
	if err := json.Unmarshal(text, &is); err == nil && (is.APIVersion != APIVersion || is.Kind != Kind) {
		err := fmt.Errorf("%w: it is %q of %q, not %s of %s", ErrPlan, is.Kind, is.APIVersion, Kind, APIVersion)
		if is.Kind == noderestore.Kind {
			err = hint.New(err, "it is for one node, and goes with: kubectl etcd-restore node run")
		}
		return nil, err
	}
	var p Plan
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPlan, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: there is more behind it", ErrPlan)
	}
	return &p, p.check()
}

// check wants a part for each member of the new cluster, and for nobody else. What a
// node would not take, it would not take from us: its own plan is decoded there again.
func (p *Plan) check() error {
	cluster, err := p.Decision.Cluster()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrPlan, err)
	}
	var members []string
	for _, m := range cluster.Members {
		members = append(members, m.Name)
	}
	slices.Sort(members)
	if names := p.Names(); !slices.Equal(names, members) {
		return fmt.Errorf("%w: it has parts for %q, and members %q", ErrPlan, names, members)
	}
	for name := range p.Nodes {
		text, err := p.node(name).Encode()
		if err == nil {
			_, err = noderestore.Decode(text)
		}
		if err != nil {
			return fmt.Errorf("%w: node %s: %w", ErrPlan, name, err)
		}
	}
	return nil
}

// Names are those of the nodes, in order.
func (p *Plan) Names() []string { return slices.Sorted(maps.Keys(p.Nodes)) }

// node is the plan of one node.
func (p *Plan) node(name string) *noderestore.Plan {
	n := noderestore.NewPlan(p.Decision, p.Created)
	n.Node = p.Nodes[name]
	return n
}

// ID is that of the decision. A run of the plan is called by it, on all nodes.
func (p *Plan) ID() string { return p.Decision.ID }

// Still makes sure that a plan that was made before fits what is known now. What each
// node has to do, Ask compares on the nodes.
func (p *Plan) Still(w Wish) error {
	w.Destroyed = p.Decision.Destroyed
	if names := w.names(); !slices.Equal(names, p.Names()) {
		return hint.New(fmt.Errorf("%w: the nodes are %q, and the plan is for %q", noderestore.ErrChanged, names, p.Names()), "make a new plan")
	}
	for _, e := range w.evidence() {
		if e.Revision >= p.Decision.Revision {
			return hint.New(fmt.Errorf("%w: %s has reached %d, and the plan restores to %d", revision.ErrNotCleared, e.Source, e.Revision, p.Decision.Revision), "make a new plan")
		}
	}
	for _, v := range w.oldVoters() {
		if !slices.Contains(p.Decision.Old, v) {
			return hint.New(fmt.Errorf("%w: %s, with the ID %s, is a member of the old cluster that the plan does not know", noderestore.ErrChanged, v.Name, v.ID), "make a new plan")
		}
	}
	_, err := w.oldQuorum(&p.Decision, nil)
	return err
}
