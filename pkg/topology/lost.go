package topology

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// Salvage is what can be had of the members that are left.
//
// Of stopped members the one whose log reaches furthest, by term and then by index, has
// every write that was ever acknowledged if a majority of the voters was compared: it is
// the one that Raft would elect.
type Salvage struct {
	From     string   `json:"from"`     // the node whose data to take
	Nodes    []string `json:"nodes"`    // that were compared, it first
	Complete bool     `json:"complete"` // it loses nothing
	Running  bool     `json:"running"`  // it still runs: the end of its log is not known
	Damaged  bool     `json:"damaged"`  // only part of it can be read
	Revision int64    `json:"revision"`
}

// Loss is what a restore of a snapshot would lose.
type Loss struct {
	Snapshot
	Lost  int64  `json:"lostRevisions"`
	Error string `json:"error,omitempty"` // why Lost is not known
}

// Highest is the highest revision that any node of the cluster tells of.
func (c *ControlPlane) Highest() (revision int64) {
	for _, n := range c.Nodes {
		if n.Report != nil && n.State != Foreign {
			revision = max(revision, n.Report.Revision())
		}
	}
	return revision
}

// weigh compares the snapshots with what the nodes hold.
func (c *ControlPlane) weigh(snapshots []Snapshot) {
	c.Verdict.Snapshots = []Loss{}
	for _, s := range snapshots {
		l := Loss{Snapshot: s, Lost: max(0, c.Highest()-s.Revision)}
		switch {
		case s.Err != nil:
			l.Error, l.Lost = s.Err.Error(), 0
		case c.strange(s):
			l.Error, l.Lost = "it is of another cluster, or older than its last restore", 0
		case c.Highest() == 0:
			l.Error = "no node tells what there was"
		}
		c.Verdict.Snapshots = append(c.Verdict.Snapshots, l)
	}
}

// strange reports whether a snapshot lists none of the members.
func (c *ControlPlane) strange(s Snapshot) bool {
	known := false
	for _, n := range c.Nodes {
		if n.Member == nil || n.Member.ID == "" {
			continue
		}
		known = true
		if slices.Contains(s.Members, n.Member.ID) {
			return false
		}
	}
	return known && len(s.Members) > 0
}

// leastLossy is the path of the snapshot to restore, "" if none was given.
func (c *ControlPlane) leastLossy() string {
	path, revision := "", int64(-1)
	for _, l := range c.Verdict.Snapshots {
		if l.Err == nil && l.Revision > revision {
			path, revision = l.Path, l.Revision
		}
	}
	return path
}

// lost is for a cluster without a quorum.
func (c *ControlPlane) lost() {
	v := &c.Verdict
	v.State = StateDown
	running := c.in(Serving, NoLeader, Hanging)
	if len(running) >= v.Quorum {
		v.Message = fmt.Sprintf("%d of %d members run and have no leader: they may not reach each other on their peer ports.", len(running), v.Voters)
		c.step(DoOn, running[0].Name, running[0].Report.logs("etcd"))
		c.step(DoWatch, "", "")
		return
	}
	clauses := []string{fmt.Sprintf("%d of %d members %s: quorum lost", len(running), v.Voters, pick(len(running), "runs", "run"))}
	text, sure := c.comeBack(len(running))
	if text != "" {
		clauses = append(clauses, text)
	}
	if v.Salvage = c.Salvage(); !sure {
		clauses = append(clauses, c.salvageClause())
		c.restore(text != "")
	}
	for _, l := range v.Snapshots {
		clauses = append(clauses, c.lossClause(l))
	}
	v.Message = strings.Join(clauses, "; ") + "."
}

// restore is the way back if no member brings the quorum back.
func (c *ControlPlane) restore(otherwise bool) {
	if otherwise {
		c.step(DoNote, "", "if that does not help")
	}
	if c.Verdict.Salvage == nil {
		c.step(DoPlan, "", c.leastLossy())
		return
	}
	c.step(DoSave, "", "")
	c.step(DoPlan, "", "")
}

// comeBack is for members that would bring the quorum back: nothing is lost then. It is
// sure where a command brings back enough of them.
func (c *ControlPlane) comeBack(running int) (text string, sure bool) {
	quorum := c.Verdict.Quorum
	stopped, unknown, away := c.in(Stopped), c.in(NotAsked), c.in(Unreached, Unseen)
	switch {
	case running+len(stopped) >= quorum:
		started := running
		for _, n := range stopped {
			if c.start(n) {
				started++
			}
		}
		c.step(DoStatus, "", "")
		return fmt.Sprintf("start %s first: %s data are whole, the quorum is back then and nothing is lost",
			and(names(stopped)), pick(len(stopped), "its", "their")), started >= quorum
	case running+len(stopped)+len(unknown) >= quorum:
		return strings.TrimSuffix(c.askToo(unknown), "."), false
	case running+len(stopped)+len(unknown)+len(away) >= quorum:
		for _, n := range stopped {
			c.start(n)
		}
		c.step(DoNote, "", "power on "+and(names(append(away, unknown...)))+", then")
		c.step(DoStatus, "", "")
		return fmt.Sprintf("bring %s back first: if the data there are whole nothing is lost", and(names(slices.Concat(stopped, away, unknown)))), false
	}
	return "", false
}

// Salvage finds the member to take the data of where no quorum serves, nil if there is
// none.
func (c *ControlPlane) Salvage() *Salvage {
	var stopped, running, damaged []*Node
	for _, n := range c.in(Stopped, NoLeader, Hanging, Damaged, Serving) {
		switch {
		case n.State == Stopped:
			stopped = append(stopped, n)
		case n.State == Damaged && n.Report.Data.ConsistentIndex > 0:
			damaged = append(damaged, n)
		case n.State.up():
			running = append(running, n)
		}
	}
	candidates, further := slices.Concat(stopped, running), (*Report).byRevision
	switch {
	case len(running) == 0 && len(stopped) > 0:
		further = (*Report).byLog
	case len(candidates) == 0:
		candidates = damaged
	}
	if len(candidates) == 0 {
		return nil
	}
	best := slices.MaxFunc(candidates, func(a, b *Node) int { return further(a.Report, b.Report) })
	s := &Salvage{From: best.Name, Nodes: []string{best.Name}, Running: best.State.up(), Damaged: slices.Contains(damaged, best), Revision: best.Report.Revision()}
	for _, n := range append(running, stopped...) {
		if n != best {
			s.Nodes = append(s.Nodes, n.Name)
		}
	}
	s.Complete = len(running) == 0 && !s.Damaged && len(s.Nodes) >= c.Verdict.Quorum
	return s
}

// byLog is Raft's rule, for stopped members whose logs can be read. Of equals the one
// with the least to replay is best.
func (r *Report) byLog(other *Report) int {
	a, b := r.Data.Log, other.Data.Log
	return cmp.Or(cmp.Compare(a.LastTerm, b.LastTerm), cmp.Compare(a.LastIndex, b.LastIndex), cmp.Compare(r.Data.ConsistentIndex, other.Data.ConsistentIndex))
}

// byRevision is for members of which some still run: where their logs end is not known.
func (r *Report) byRevision(other *Report) int {
	return cmp.Or(cmp.Compare(r.Revision(), other.Revision()), cmp.Compare(r.Data.ConsistentIndex, other.Data.ConsistentIndex))
}

func (c *ControlPlane) salvageClause() string {
	s := c.Verdict.Salvage
	if s == nil {
		return "no member has data that can be read"
	}
	holds := fmt.Sprintf("%s holds revision %d", s.From, s.Revision)
	switch {
	case s.Damaged:
		return holds + ", and its data are damaged: a salvage takes what can be read"
	case s.Complete:
		return fmt.Sprintf("%s, a salvage of %s loses nothing", holds, and(s.Nodes))
	}
	var others []string
	for _, n := range c.Nodes {
		if n.Voter() && !slices.Contains(s.Nodes, n.Name) {
			others = append(others, n.Name)
		}
	}
	if len(others) == 0 { // some of them still run
		return fmt.Sprintf("%s, and with all stopped a salvage of %s loses nothing", holds, and(s.Nodes))
	}
	return fmt.Sprintf("%s, a salvage of %s may lack what only %s had", holds, and(s.Nodes), and(others))
}

func (c *ControlPlane) lossClause(l Loss) string {
	name := fmt.Sprintf("snapshot %s of %s", l.Path, c.clock(l.Time))
	switch {
	case l.Err != nil:
		return fmt.Sprintf("snapshot %s cannot be read: %v", l.Path, l.Err)
	case l.Error != "":
		return fmt.Sprintf("%s holds revision %d: %s", name, l.Revision, l.Error)
	case l.Lost == 0:
		return fmt.Sprintf("%s would lose nothing that is known", name)
	}
	return fmt.Sprintf("%s would lose %s %s", name, humanize.Comma(l.Lost), pick(int(min(l.Lost, 2)), "revision", "revisions"))
}

// clock is a time as short as it is clear.
func (c *ControlPlane) clock(t time.Time) string {
	t = t.UTC()
	if now := c.Time.UTC(); now.YearDay() == t.YearDay() && now.Year() == t.Year() {
		return t.Format("15:04")
	}
	return t.Format("2006-01-02 15:04")
}
