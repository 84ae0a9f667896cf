package topology

import (
	"fmt"
	"slices"
	"strings"
)

// The states of a control plane.
const (
	StateHealthy    = "healthy"    // all members serve, and nothing else is wrong
	StateDegraded   = "degraded"   // a quorum serves, and something is wrong
	StateDown       = "down"       // no quorum
	StateUnfinished = "unfinished" // a restore stands in the middle
	StateUnknown    = "unknown"    // too little was told
	StateExternal   = "external"   // etcd is elsewhere
)

// Verdict is what it comes to, and what to do next.
type Verdict struct {
	State     string   `json:"state"`
	Message   string   `json:"message"`
	Voters    int      `json:"voters"`
	Quorum    int      `json:"quorum"` // how many of the voters it takes
	Serving   int      `json:"serving"`
	Salvage   *Salvage `json:"salvage,omitempty"` // if no quorum serves
	Snapshots []Loss   `json:"snapshots"`
	Steps     []Step   `json:"-"`
}

// Do is a kind of step.
type Do string

// The kinds of steps.
const (
	DoWatch     Do = "watch"     // status --watch
	DoStatus    Do = "status"    // again
	DoResume    Do = "resume"    // of Arg
	DoRollback  Do = "rollback"  // of Arg
	DoSave      Do = "save"      // into a new file
	DoPlan      Do = "plan"      // of Arg, or of what was saved
	DoRejoin    Do = "rejoin"    // of Node
	DoRemove    Do = "remove"    // of the member with the ID Arg
	DoOn        Do = "on"        // Arg is a command for Node
	DoAsk       Do = "ask"       // Node as well, at the address Arg
	DoNote      Do = "note"      // Arg is what a person does without a command
	DoElsewhere Do = "elsewhere" // Arg is a command for other hosts
)

// Step is one thing to do.
type Step struct {
	Do   Do
	Node string
	Arg  string
}

func (c *ControlPlane) step(do Do, node, arg string) {
	c.Verdict.Steps = append(c.Verdict.Steps, Step{do, node, arg})
}

// judge names what stands in the way of everything else first.
func (c *ControlPlane) judge(told Told) {
	v := &c.Verdict
	for _, n := range c.Nodes {
		if n.Voter() {
			v.Voters++
		}
	}
	v.Quorum = v.Voters/2 + 1
	v.Serving = len(c.serving())
	c.weigh(told.Snapshots)
	switch {
	case c.external(), c.unfinished(), c.untold(told), c.quorate():
	default:
		c.lost()
	}
}

// serving are the voters that follow one leader, or are it.
func (c *ControlPlane) serving() (names []string) {
	leaders := map[string][]string{}
	for _, n := range c.Nodes {
		if n.Voter() && n.State == Serving {
			l := n.Report.Health.Leader
			leaders[l] = append(leaders[l], n.Name)
		}
	}
	for _, followers := range leaders {
		if len(followers) > len(names) {
			names = followers
		}
	}
	return names
}

func (c *ControlPlane) external() bool {
	if len(c.External()) == 0 {
		return false
	}
	c.Verdict.State = StateExternal
	c.Verdict.Message = fmt.Sprintf("etcd does not run on these nodes: the API servers use %s. It is restored on its own hosts.", strings.Join(c.External(), ", "))
	c.step(DoElsewhere, "", "etcdctl-snapshot-x restore SNAPSHOT --all-members --initial-cluster NAME=PEER-URL,...")
	return true
}

// unfinished is for the run that was begun last.
func (c *ControlPlane) unfinished() bool {
	if len(c.Runs) == 0 {
		return false
	}
	last := slices.MaxFunc(c.Runs, func(a, b Run) int { return strings.Compare(a.Name, b.Name) })
	var nodes []string
	var busy, committed, back, damaged bool
	for _, r := range c.Runs {
		if r.ID() != last.ID() {
			continue
		}
		nodes = append(nodes, r.Node)
		busy = busy || r.Busy
		committed = committed || r.Committed
		back = back || r.State == "going back"
		damaged = damaged || r.State == "damaged"
	}
	id, where := last.ID(), and(nodes)
	at := ""
	if last.Step != "" {
		at = fmt.Sprintf(", at step %q", last.Step)
	}
	v := &c.Verdict
	v.State = StateUnfinished
	switch {
	case busy:
		v.Message = fmt.Sprintf("The restore %s is at work on %s%s. Let it.", id, where, at)
		c.step(DoWatch, "", "")
	case damaged:
		v.Message = fmt.Sprintf("The restore %s on %s cannot be read.", id, where)
		c.step(DoResume, "", id)
	case committed:
		v.Message = fmt.Sprintf("The restore %s stands on %s%s. There is no way back: finish it.", id, where, at)
		c.step(DoResume, "", id)
	case back:
		v.Message = fmt.Sprintf("The restore %s stands on %s%s. It is on its way back: let it go there.", id, where, at)
		c.step(DoRollback, "", id)
	default:
		v.Message = fmt.Sprintf("The restore %s stands on %s%s. Finish it, or go back.", id, where, at)
		c.step(DoResume, "", id)
		c.step(DoRollback, "", id)
	}
	return true
}

// untold is for a person who is told next to nothing.
func (c *ControlPlane) untold(told Told) bool {
	v := &c.Verdict
	reports, seen := 0, 0
	for _, n := range c.Nodes {
		if n.Report != nil {
			reports++
			if n.State != Unseen {
				seen++
			}
		}
	}
	switch {
	case reports == 0:
		v.State, v.Message = StateUnknown, "No control-plane node could be asked"
		if told.Err != nil {
			v.Message += ": " + told.Err.Error()
		}
		v.Message += "."
	case seen == 0:
		v.State, v.Message = StateUnknown, "Too little can be seen without being root: log in as root, or give --ssh-sudo."
	case v.Voters == 0:
		v.State, v.Message = StateDown, "etcd is down, and nobody tells which members it has."
		c.step(DoPlan, "", c.leastLossy())
	default:
		return false
	}
	return true
}

// in are the voters in one of some states.
func (c *ControlPlane) in(states ...State) (nodes []*Node) {
	for i := range c.Nodes {
		if n := &c.Nodes[i]; n.Voter() && slices.Contains(states, n.State) {
			nodes = append(nodes, n)
		}
	}
	return nodes
}

func names(nodes []*Node) (names []string) {
	for _, n := range nodes {
		names = append(names, n.Name)
	}
	return names
}

// and is a list in a sentence.
func and(names []string) string {
	if n := len(names); n > 1 {
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
	return strings.Join(names, "")
}

func pick(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
