package noderestore

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/membership"
	"github.com/etcd-restore/etcd-restore/pkg/preflight"
	"github.com/etcd-restore/etcd-restore/pkg/revision"
	"github.com/etcd-restore/etcd-restore/pkg/staticpod"
)

// APIVersion and Kind say what a plan is, so that nothing else is taken for one.
const (
	APIVersion = "etcd-restore/v1"
	Kind       = "NodePlan"
)

var (
	// ErrPlan is returned for a file that is no plan, or one of another node.
	ErrPlan = errors.New("not a plan for this node")
	// ErrChanged is returned when the node is not as it was when the plan was made.
	ErrChanged = errors.New("the node has changed since the plan was made")
)

// Plan is everything that a restore will do.
type Plan struct {
	APIVersion string    `json:"apiVersion"`
	Kind       string    `json:"kind"`
	Created    time.Time `json:"created"`
	Decision   Decision  `json:"decision"`
	Node       Part      `json:"node"` // of the node where the plan was made; empty in one that is only a decision
	Notes      []string  `json:"notes"`

	// HoldSeconds is how long a run, once it has staged, waits for the word to go on.
	// Without one it does not wait.
	HoldSeconds int64 `json:"holdSeconds,omitempty"`

	// Checks are what was found when the plan was made. A run looks for itself.
	Checks *preflight.Report `json:"preflight,omitempty"`
}

// Decision is what all members have in common. It is made once.
type Decision struct {
	// ID ends the names of all that is made. kubeadm has one data directory in its
	// configuration for all nodes, so that the new one must have one name on all.
	ID             string         `json:"id"`
	Snapshot       Snapshot       `json:"snapshot"`
	Token          string         `json:"initialClusterToken"`
	InitialCluster string         `json:"initialCluster"`
	ClusterID      string         `json:"clusterID"` // hex, as etcd prints it
	TargetVersion  string         `json:"targetVersion"`
	Proof          revision.Proof `json:"revision"`
	Revision       int64          `json:"restoredRevision"`  // where the new cluster starts
	Compacted      int64          `json:"compactedRevision"` // watches below it end with "compacted"
	Old            []Voter        `json:"oldVoters"`         // of the cluster that is replaced
	Destroyed      []string       `json:"assertedDestroyed"` // of those, the ones that somebody vouches for
}

// Snapshot is the file that is restored.
type Snapshot struct {
	Path          string    `json:"path"`
	Size          int64     `json:"size"`   // bytes of the database
	SHA256        string    `json:"sha256"` // of the database, hex
	Taken         time.Time `json:"fileTime"`
	SkipHashCheck bool      `json:"skipHashCheck"` // it is a copy of a database, without a trailer
}

// Voter is a member of the old cluster whose vote counts.
type Voter struct {
	ID   string `json:"id"` // hex
	Name string `json:"name"`
}

// Mode says how etcd gets its new directory.
type Mode string

// The modes.
const (
	ModeManifest Mode = "manifest" // its manifest names another one
	ModeSwap     Mode = "swap"     // the two directories change names
)

// Part is the work on one node. Paths are as the node sees them.
type Part struct {
	Member    string           `json:"member"`
	Mode      Mode             `json:"mode"`
	OldData   string           `json:"oldDataDir"`
	NewData   string           `json:"newDataDir"`
	OldWAL    string           `json:"oldWALDir,omitempty"` // if the log is elsewhere
	NewWAL    string           `json:"newWALDir,omitempty"`
	Folder    string           `json:"manifestFolder"`
	Parked    string           `json:"parkedManifests"` // where they are while they are out
	Manifests []Manifest       `json:"manifests"`
	Edits     []staticpod.Edit `json:"edits"` // of etcd's
	Served    Served           `json:"served"`
}

// Empty reports whether nothing is known of the node yet.
func (p *Part) Empty() bool {
	return p.Member == "" && p.OldData == "" && p.NewData == "" && p.Folder == "" && len(p.Manifests) == 0
}

// Manifest is a manifest of the control plane as it was when the plan was made.
type Manifest struct {
	Component string `json:"component"`
	File      string `json:"file"`
	Namespace string `json:"namespace"`
	Pod       string `json:"pod"`
	SHA256    string `json:"sha256"`
}

// Served is what worked when the plan was made: a way back leads there.
type Served struct {
	Etcd bool `json:"etcd"`
	API  bool `json:"api"`
}

// Encode returns the plan as JSON, for a file.
func (p *Plan) Encode() ([]byte, error) {
	text, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return nil, err
	}
	return append(text, '\n'), nil
}

// decisionID is the form of a Decision.ID: when it was made, and four of the digits of
// its token.
var decisionID = regexp.MustCompile(`^[0-9]{8}T[0-9]{6}Z-[0-9a-f]{4}$`)

// Decode reads a plan. What it does not know, it refuses: a later version may mean
// something by it.
func Decode(text []byte) (*Plan, error) {
	var p Plan
	// What it is comes before what is wrong with it.
	var is struct{ APIVersion, Kind string }
	if err := json.Unmarshal(text, &is); err == nil && (is.APIVersion != APIVersion || is.Kind != Kind) {
		return nil, fmt.Errorf("%w: it is %q of %q, not %s of %s", ErrPlan, is.Kind, is.APIVersion, Kind, APIVersion)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPlan, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: there is more behind it", ErrPlan)
	}
	if !decisionID.MatchString(p.Decision.ID) { // it goes into paths
		return nil, fmt.Errorf("%w: %q is no ID of a decision", ErrPlan, p.Decision.ID)
	}
	if m := p.Node.Mode; m != ModeManifest && m != ModeSwap && (m != "" || !p.Node.Empty()) {
		return nil, fmt.Errorf("%w: there is no mode %q", ErrPlan, m)
	}
	c, err := p.Decision.Cluster()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPlan, err)
	}
	if id := hexID(c.ID); id != p.Decision.ClusterID {
		return nil, fmt.Errorf("%w: members and token make cluster %s, and it says %s", ErrPlan, id, p.Decision.ClusterID)
	}
	return &p, nil
}

// IsPlan tells a plan from a snapshot by how the file begins.
func IsPlan(head []byte) bool {
	head = bytes.TrimLeft(head, " \t\r\n")
	return bytes.HasPrefix(head, []byte("{")) || bytes.HasPrefix(head, []byte("apiVersion:"))
}

// Cluster is the membership of the new cluster.
func (d *Decision) Cluster() (*membership.Cluster, error) {
	return membership.New(d.InitialCluster, d.Token, nil)
}

// Digest is that of the decision: nodes with the same one do the same. Where the
// snapshot is may differ.
func (d *Decision) Digest() (string, error) {
	same := *d
	same.Snapshot.Path, same.Snapshot.Taken = "", time.Time{}
	text, err := json.Marshal(same)
	if err != nil {
		return "", err
	}
	return digest(text), nil
}

func digest(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

func hexID(id uint64) string { return fmt.Sprintf("%x", id) }
