package snapshotx

import (
	"maps"
	"slices"
	"strings"

	"github.com/etcd-restore/etcd-restore/pkg/evidence"
	"github.com/etcd-restore/etcd-restore/pkg/revision"
)

// revisionJSON is the form of -w json.
type revisionJSON struct {
	Sources         []sourceJSON `json:"sources"`
	Failed          []unreadJSON `json:"failed"`
	Complete        bool         `json:"complete"` // every source could be read
	HighestRevision int64        `json:"highestRevision"`
	HighestFrom     string       `json:"highestFrom"`
	Restore         *restoreJSON `json:"restore,omitempty"` // with --for, if it is complete
	Notes           []string     `json:"notes"`
}

type restoreJSON struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
	revision.Proof
	Command string `json:"command"`
}

type unreadJSON struct {
	Source string `json:"source"`
	Error  string `json:"error"`
}

type sourceJSON struct {
	Source              string      `json:"source"`
	Kind                string      `json:"kind"`
	ProvenRevision      int64       `json:"provenRevision"`
	HighestRevision     int64       `json:"highestRevision"`
	AtMost              int64       `json:"atMost,omitempty"`      // only if something bounds it
	OpenBecause         string      `json:"openBecause,omitempty"` // why nothing does
	LastKey             int64       `json:"lastKey,omitempty"`
	ScheduledCompaction int64       `json:"scheduledCompaction,omitempty"`
	FinishedCompaction  int64       `json:"finishedCompaction,omitempty"`
	ConsistentIndex     uint64      `json:"consistentIndex,omitempty"`
	RequestsAbove       int64       `json:"requestsAbove,omitempty"` // that the database does not hold yet
	MemberID            string      `json:"memberID,omitempty"`
	MemberName          string      `json:"memberName,omitempty"`
	ClusterID           string      `json:"clusterID,omitempty"`
	Voters              []voterJSON `json:"voters,omitempty"`
	TornAt              string      `json:"tornAt,omitempty"`
}

type voterJSON struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

func (r revisionReport) json() revisionJSON {
	highest := r.highest()
	j := revisionJSON{
		Sources: []sourceJSON{}, Failed: []unreadJSON{}, Complete: len(r.failed) == 0,
		HighestRevision: highest.Highest(), HighestFrom: highest.String(), Notes: r.notes(),
	}
	for _, s := range r.sources {
		j.Sources = append(j.Sources, newSourceJSON(s))
	}
	for _, u := range r.failed {
		j.Failed = append(j.Failed, unreadJSON{u.source, u.err.Error()})
	}
	if r.proof != nil {
		j.Restore = &restoreJSON{r.base.Name, r.base.sum, *r.proof, strings.Join(r.command(), " ")}
	}
	return j
}

func newSourceJSON(s evidence.Source) sourceJSON {
	j := sourceJSON{
		Source: s.Name, Kind: string(s.Kind), ProvenRevision: s.Proven, HighestRevision: s.Highest(), OpenBecause: s.Open,
		LastKey: s.LastKey, ScheduledCompaction: s.Scheduled, FinishedCompaction: s.Finished,
		ConsistentIndex: s.ConsistentIndex, RequestsAbove: s.Ahead,
		MemberID: hexID(s.MemberID), MemberName: s.MemberName, ClusterID: hexID(s.ClusterID), TornAt: s.Torn,
	}
	if s.Open == "" {
		j.AtMost = s.Highest()
	}
	voters := s.Voters()
	for _, id := range slices.Sorted(maps.Keys(voters)) {
		j.Voters = append(j.Voters, voterJSON{hexID(id), voters[id]})
	}
	return j
}
