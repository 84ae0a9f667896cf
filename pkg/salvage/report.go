package salvage

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"github.com/etcd-restore/etcd-restore/pkg/schema"
)

// Report is what the directories hold and what was made of it.
type Report struct {
	Path   string `json:"path,omitempty"`   // of the snapshot
	SHA256 string `json:"sha256,omitempty"` // of its database, in hex
	Size   int64  `json:"size,omitempty"`   // bytes of its database

	ClusterID      string          `json:"clusterID"` // hex, as etcd prints it
	Directories    []Directory     `json:"directories"`
	Configurations []Configuration `json:"configurations"` // all that the majority was counted for
	Majority       bool            `json:"majority"`       // every acknowledged write is in the winner's log
	Complete       bool            `json:"complete"`       // and in the snapshot

	CommittedIndex uint64 `json:"committedIndex"` // entries up to here are known to be committed
	LastIndex      uint64 `json:"lastIndex"`      // of the winner's log
	Unproven       uint64 `json:"unproven"`       // how many entries are behind CommittedIndex
	Tail           Tail   `json:"tail,omitempty"` // what becomes of those
	AppliedIndex   uint64 `json:"appliedIndex"`   // the last entry in the snapshot
	Replayed       uint64 `json:"entriesReplayed"`

	Revision  int64    `json:"revision,omitempty"`        // of the snapshot
	Compacted int64    `json:"compactRevision,omitempty"` // likewise
	Members   []Member `json:"members,omitempty"`         // likewise

	Lost  *Lost    `json:"lost,omitempty"` // the winner's log is damaged
	Needs []Need   `json:"needs"`          // decisions without which nothing is written
	Notes []string `json:"notes"`
}

// Directory is the part that one source played.
type Directory struct {
	Dir             string `json:"dir"`
	WALDir          string `json:"walDir,omitempty"` // if it is not in Dir
	MemberID        string `json:"memberID"`         // hex
	Name            string `json:"name"`
	Term            uint64 `json:"term"` // of the last entry
	LastIndex       uint64 `json:"lastIndex"`
	CommitIndex     uint64 `json:"commitIndex"`
	ConsistentIndex uint64 `json:"consistentIndex"` // of the db
	Revision        int64  `json:"revision"`        // of the db
	Vote            bool   `json:"vote"`            // counts for a majority
	Winner          bool   `json:"winner"`
	Sound           bool   `json:"sound"` // its db and all of its log can be read
	Why             string `json:"why"`   // it won or lost, or has no vote
}

// Configuration is who voted from an entry on.
type Configuration struct {
	From   uint64   `json:"from"`
	Voters []string `json:"voters"` // names, or IDs in hex
	Given  int      `json:"given"`  // how many of them were among the directories
	Quorum int      `json:"quorum"`
}

// Member is a member of the old cluster, as the snapshot lists it.
type Member struct {
	ID       string   `json:"id"` // hex
	Name     string   `json:"name"`
	PeerURLs []string `json:"peerURLs"`
	Learner  bool     `json:"learner"`
}

// Lost is what a damaged log does not give.
type Lost struct {
	After  uint64 `json:"after"`  // the last entry that could be read
	At     string `json:"at"`     // the place of the damage
	Why    string `json:"why"`    // what is wrong there
	Beyond uint64 `json:"beyond"` // the log went on to this entry at least, 0 if that is not known
}

// Need is a decision that the directories do not make by themselves.
type Need string

// What can be needed.
const (
	NeedTail    Need = "tail"    // [Config.Tail], since the directories are no majority
	NeedPartial Need = "partial" // [Config.AllowPartial], since the winner's log is damaged
)

// report puts the election into words.
func (e *election) report(tail Tail) *Report {
	_, last := e.winner.last()
	r := &Report{
		ClusterID:      strconv.FormatUint(e.winner.log.ClusterID, 16),
		Majority:       e.majority,
		CommittedIndex: e.proven,
		LastIndex:      last,
		Unproven:       last - e.proven,
		Tail:           tail,
		Lost:           e.lost(),
		Needs:          []Need{},
		Notes:          e.notes(),
	}
	if r.Tail == TailDefault && e.majority {
		r.Tail = TailInclude
	}
	if r.AppliedIndex = last; r.Tail == TailCommitted {
		r.AppliedIndex = e.proven
	}
	r.Replayed = r.AppliedIndex - e.winner.applied()
	r.Complete = r.Majority && r.AppliedIndex == last
	for _, m := range e.members {
		r.Directories = append(r.Directories, e.directory(m))
	}
	for _, c := range e.configurations {
		r.Configurations = append(r.Configurations, Configuration{c.from, e.winner.names(c.voters), e.votes(c), c.quorum()})
	}
	return r
}

func (m *member) names(ids []uint64) []string {
	names := []string{}
	for _, id := range ids {
		names = append(names, m.name(id))
	}
	slices.Sort(names)
	return names
}

func (e *election) directory(m *member) Directory {
	term, index := m.last()
	return Directory{
		Dir: m.Dir, WALDir: m.WALDir,
		MemberID: strconv.FormatUint(m.log.MemberID, 16), Name: e.winner.name(m.log.MemberID),
		Term: term, LastIndex: index,
		CommitIndex: m.commit(), ConsistentIndex: m.applied(), Revision: m.revision,
		Vote: e.voter(m) && m.noVote == "", Winner: m == e.winner, Sound: m.dbErr == nil && m.log.Damage == nil, Why: e.why(m),
	}
}

func (e *election) why(m *member) string {
	term, index := m.last()
	topTerm, topIndex := e.winner.last()
	switch {
	case m == e.winner && m.noVote != "":
		return "its log reaches furthest, though " + m.noVote
	case m == e.winner && len(e.members) == 1:
		return "it is the only one"
	case m == e.winner:
		return "its log reaches furthest"
	case m.noVote != "":
		return "no vote: " + m.noVote
	case !e.voter(m):
		return "no vote: it was a learner, or no member"
	case term < topTerm:
		return fmt.Sprintf("its log ends in term %d, before term %d", term, topTerm)
	case index < topIndex:
		return fmt.Sprintf("its log ends %d entries earlier", topIndex-index)
	}
	return "its log ends where the winner's does"
}

// voter reports whether m votes in any of the configurations.
func (e *election) voter(m *member) bool {
	return slices.ContainsFunc(e.configurations, func(c configuration) bool { return slices.Contains(c.voters, m.log.MemberID) })
}

func (e *election) lost() *Lost {
	log := e.winner.log
	_, after := e.winner.last()
	switch {
	case log.Damage != nil && log.Damage.CutShort:
		return &Lost{After: after, At: log.Damage.At.String(), Why: log.Damage.Err.Error(), Beyond: max(log.Damage.Beyond, e.knownBeyond(after))}
	case e.winner.noVote != "":
		return &Lost{After: after, At: e.winner.dir.WALDir, Why: e.winner.noVote, Beyond: e.knownBeyond(after)}
	}
	return nil
}

// knownBeyond is the highest entry known to be committed if it is behind index.
func (e *election) knownBeyond(index uint64) uint64 {
	highest := uint64(0)
	for _, m := range e.members {
		if m.commit() > index {
			highest = max(highest, m.commit())
		}
	}
	return highest
}

func (e *election) notes() []string {
	notes := []string{}
	for _, m := range e.members {
		if m.log.Torn {
			notes = append(notes, fmt.Sprintf("%s: the log ends with a write that was not finished (%s), as a crash leaves it", m.Dir, m.log.TornAt))
		}
		if d := m.log.Damage; d != nil && !d.CutShort {
			notes = append(notes, fmt.Sprintf("%s: the log is damaged at %s, where nothing is needed any more: the database holds it", m.Dir, d.At))
		}
		if at := m.forced(); at > 0 {
			notes = append(notes, fmt.Sprintf("%s: etcd was started there with --force-new-cluster (entry %d): what it then dropped of its log is gone", m.Dir, at))
		}
		if m.dbErr != nil && m != e.winner {
			notes = append(notes, fmt.Sprintf("%s: its database cannot be used, only its log: %v", m.Dir, m.dbErr))
		}
	}
	if _, last := e.winner.last(); e.knownBeyond(last) > 0 && e.winner.noVote == "" {
		notes = append(notes, fmt.Sprintf("entry %d is known to have been committed, but no log that can be read has it", e.knownBeyond(last)))
	}
	return notes
}

// setMembers lists the members that the finished database has. It knows names that
// the one in a directory may not have known yet.
func (r *Report) setMembers(list []schema.Member) {
	names := map[string]string{}
	for _, m := range list {
		id := strconv.FormatUint(m.ID, 16)
		r.Members = append(r.Members, Member{id, m.Name, m.PeerURLs, m.IsLearner})
		names[id] = cmp.Or(m.Name, id)
	}
	for i, d := range r.Directories {
		r.Directories[i].Name = cmp.Or(names[d.MemberID], d.Name)
	}
	for _, c := range r.Configurations {
		for i, voter := range c.Voters {
			c.Voters[i] = cmp.Or(names[voter], voter)
		}
		slices.Sort(c.Voters)
	}
	slices.SortFunc(r.Members, func(a, b Member) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
}
