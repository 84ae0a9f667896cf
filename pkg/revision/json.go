package revision

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// wire is how evidence travels: IDs are hexadecimal, as etcd prints them, since JSON has
// no whole numbers of that size.
type wire struct {
	Source   string            `json:"source"`
	Revision int64             `json:"revision"`
	MemberID string            `json:"memberID,omitempty"`
	Voters   map[string]string `json:"voters,omitempty"`
}

// MarshalJSON implements json.Marshaler.
func (e Evidence) MarshalJSON() ([]byte, error) {
	w := wire{Source: e.Source, Revision: e.Revision}
	if e.MemberID != 0 {
		w.MemberID = strconv.FormatUint(e.MemberID, 16)
	}
	for id, name := range e.Voters {
		if w.Voters == nil {
			w.Voters = map[string]string{}
		}
		w.Voters[strconv.FormatUint(id, 16)] = name
	}
	return json.Marshal(w)
}

// UnmarshalJSON implements json.Unmarshaler.
func (e *Evidence) UnmarshalJSON(text []byte) error {
	var w wire
	if err := json.Unmarshal(text, &w); err != nil {
		return err
	}
	read := Evidence{Source: w.Source, Revision: w.Revision}
	var err error
	if w.MemberID != "" {
		if read.MemberID, err = strconv.ParseUint(w.MemberID, 16, 64); err != nil {
			return fmt.Errorf("member ID of evidence: %w", err)
		}
	}
	for text, name := range w.Voters {
		id, err := strconv.ParseUint(text, 16, 64)
		if err != nil {
			return fmt.Errorf("voter of evidence: %w", err)
		}
		if read.Voters == nil {
			read.Voters = map[uint64]string{}
		}
		read.Voters[id] = name
	}
	*e = read
	return nil
}
