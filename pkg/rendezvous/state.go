package rendezvous

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"
)

// State is how far a node is. Either it is the word of a restore, or ClusterID is
// set and nothing else: an etcd serves there.
type State struct {
	PlanSHA256 string `json:"planSHA256"` // of the plan that it follows, hexadecimal: others do not count
	Member     string `json:"member"`
	Phase      string `json:"phase"`
	Stopped    bool   `json:"stopped"` // it has proved that its old etcd does not run and will not
	Aborted    bool   `json:"aborted"` // it goes back, or wants to
	// NoCommit says, with Aborted, that its new etcd does not run, and that nothing in
	// the log of that tells of a commit.
	NoCommit bool      `json:"noCommit,omitempty"`
	Time     time.Time `json:"time"` // by the node's own clock, when it answered

	ClusterID uint64 `json:"-"`
}

// Limits of what a node may send.
const (
	maxAnswer = 16 << 10
	maxText   = 256
)

// encode writes a state as it is sent.
func (s State) encode() ([]byte, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	return json.Marshal(s)
}

// decode reads a state that was sent.
func decode(text []byte) (State, error) {
	var s State
	if err := json.Unmarshal(text, &s); err != nil {
		return State{}, fmt.Errorf("%w: malformed state", ErrStranger)
	}
	if err := s.check(); err != nil {
		return State{}, err
	}
	return s, nil
}

// check demands what a state has to have, and nothing that a terminal would obey.
func (s State) check() error {
	if digest, err := hex.DecodeString(s.PlanSHA256); err != nil || len(digest) != 32 || hex.EncodeToString(digest) != s.PlanSHA256 {
		return fmt.Errorf("%w: the state has no digest of a plan", ErrStranger)
	}
	for _, text := range []string{s.Member, s.Phase} {
		if text == "" || len(text) > maxText || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
			return fmt.Errorf("%w: malformed name in the state: %.40q", ErrStranger, text)
		}
	}
	return nil
}
