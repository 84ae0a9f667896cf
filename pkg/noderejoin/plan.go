package noderejoin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/noderestore"
)

// APIVersion and Kind say what a plan is, so that nothing else is taken for one.
const (
	APIVersion = "etcd-restore/v1"
	Kind       = "RejoinPlan"
)

// Plan is everything that a rejoin will do, but for what only the cluster can say when it
// is asked: who is in it then, and the ID of the new member.
type Plan struct {
	APIVersion string    `json:"apiVersion"`
	Kind       string    `json:"kind"`
	Created    time.Time `json:"created"`
	ID         string    `json:"id"`        // ends the names of all that is made
	ClusterID  string    `json:"clusterID"` // to join, in hex
	Endpoints  []string  `json:"endpoints"` // client URLs of its members
	PeerURLs   []string  `json:"peerURLs"`  // of this node
	// Node is the work on it. In mode manifest etcd gets the new directory; in mode swap
	// the old directory is moved to the new name, and an empty one takes its place.
	Node  noderestore.Part `json:"node"`
	Notes []string         `json:"notes"`
}

// Encode returns the plan as JSON.
func (p *Plan) Encode() ([]byte, error) {
	text, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return nil, err
	}
	return append(text, '\n'), nil
}

var planID = regexp.MustCompile(`^[0-9]{8}T[0-9]{6}Z-[0-9a-f]{4}$`)

// IsPlan reports whether the plan of a run is one of a rejoin.
func IsPlan(text []byte) bool {
	var is struct{ APIVersion, Kind string }
	return json.Unmarshal(text, &is) == nil && is.Kind == Kind
}

// Decode reads a plan. What it does not know, it refuses.
func Decode(text []byte) (*Plan, error) {
	if !IsPlan(text) {
		return nil, fmt.Errorf("%w: it is of another kind", ErrPlan)
	}
	var p Plan
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPlan, err)
	}
	switch m := p.Node.Mode; {
	case p.APIVersion != APIVersion:
		return nil, fmt.Errorf("%w: it is of %q", ErrPlan, p.APIVersion)
	case !planID.MatchString(p.ID): // it goes into paths
		return nil, fmt.Errorf("%w: %q is no ID", ErrPlan, p.ID)
	case m != noderestore.ModeManifest && m != noderestore.ModeSwap:
		return nil, fmt.Errorf("%w: there is no mode %q", ErrPlan, m)
	case len(p.Endpoints) == 0 || len(p.PeerURLs) == 0 || p.ClusterID == "" || p.Node.Member == "":
		return nil, fmt.Errorf("%w: it does not say which member joins what", ErrPlan)
	}
	return &p, nil
}

// data is where etcd's data will be, wal where its log will be if that is elsewhere.
func (p *Plan) data() string {
	if p.Node.Mode == noderestore.ModeSwap {
		return p.Node.OldData
	}
	return p.Node.NewData
}

func (p *Plan) wal() string {
	if p.Node.Mode == noderestore.ModeSwap {
		return p.Node.OldWAL
	}
	return p.Node.NewWAL
}

// DataDir is where etcd's data will be, and OldDataDir where those before it will be.
func (p *Plan) DataDir() string { return p.data() }

// OldDataDir is "" if there were none.
func (p *Plan) OldDataDir() string {
	if p.Node.Mode == noderestore.ModeSwap {
		return p.Node.NewData
	}
	return p.Node.OldData
}
