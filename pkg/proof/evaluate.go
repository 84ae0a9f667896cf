package proof

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Scope says what is known beforehand.
type Scope struct {
	Excluded []string // nodes that are not to be there
}

// Evaluate reckons what the facts of all nodes come to. Checks that need a restore are
// left out where there was none.
func Evaluate(facts []Facts, scope Scope) *Report {
	e := &evaluation{scope: scope}
	for _, f := range facts {
		if f.Error == "" {
			e.facts = append(e.facts, f)
		} else {
			e.silent = append(e.silent, f)
		}
		if f.Run != nil && (e.run == nil || f.Run.Decision > e.run.Decision) {
			e.run = f.Run
		}
	}
	type check struct {
		name   string
		always bool
		ask    func(*finding)
	}
	report := &Report{Results: []Result{}}
	if e.run != nil {
		report.Run = e.run.Decision
	}
	for _, c := range []check{
		{"Reached", true, e.reached},
		{"Run", len(e.open()) > 0, e.finished},
		{"Members", true, e.members},
		{"Leader", true, e.leader},
		{"HashKV", true, e.hashes},
		{"Alarms", true, e.alarms},
		{"Revision", false, e.revision},
		{"Compacted", false, e.compacted},
		{"APIServers", true, e.servers},
		{"Controllers", true, e.controllers},
		{"Nodes", true, e.nodes},
		{"DataDir", true, e.dataDir},
		{"Leftovers", true, e.leftovers},
	} {
		if !c.always && e.run == nil {
			continue
		}
		var f finding
		c.ask(&f)
		report.Results = append(report.Results, f.result(c.name))
	}
	return report
}

type evaluation struct {
	scope  Scope
	facts  []Facts // of nodes that told something
	silent []Facts
	run    *Run // nil if there was none
}

func (e *evaluation) reached(f *finding) {
	var names []string
	for _, n := range e.facts {
		names = append(names, n.Node)
	}
	if len(names) > 0 {
		f.see("%s", strings.Join(names, ", "))
	}
	for _, n := range e.silent {
		if slices.Contains(e.scope.Excluded, n.Node) {
			f.see("%s is excluded", n.Node)
			continue
		}
		f.doubt("%s: %s", n.Node, n.Error)
		f.next = "exclude a node that is to be down: --exclude-node NAME"
	}
}

func (e *evaluation) open() []string {
	var open []string
	for _, n := range e.facts {
		for _, name := range n.Open {
			open = append(open, n.Node+": run "+name+" is not finished")
		}
	}
	return open
}

// finished wants one restore, complete on every node that has it.
func (e *evaluation) finished(f *finding) {
	for _, text := range e.open() {
		f.fail("%s", text)
		f.next = "go on with it: kubectl etcd-restore resume"
	}
	if e.run == nil {
		return
	}
	for _, n := range e.facts {
		switch {
		case n.Run == nil && n.Rejoin == nil:
			f.see("%s has none", n.Node)
		case n.Run == nil || n.Rejoin != nil && n.Rejoin.Name > n.Run.Name:
			f.see("%s rejoined", n.Node)
		case n.Run.Decision != e.run.Decision:
			f.fail("%s was restored by %s, others by %s", n.Node, n.Run.Decision, e.run.Decision)
			f.next = cmp.Or(f.next, "bring the node into the cluster of the others: kubectl etcd-restore rejoin "+n.Node)
		case n.Run.State == stateComplete:
			f.see("%s complete", n.Node)
		case !slices.Contains(n.Open, n.Run.Name):
			f.fail("%s: run %s is %s", n.Node, n.Run.Name, n.Run.State)
		}
	}
}

// stateComplete is journal.Complete.
const stateComplete = "complete"

func (e *evaluation) alarms(f *finding) {
	for _, n := range e.answering(f) {
		if len(n.Etcd.Alarms) > 0 {
			f.fail("%s: %s", n.Node, strings.Join(n.Etcd.Alarms, ", "))
			f.next = "mend the cause, then: etcdctl alarm disarm"
			continue
		}
		f.see("%s none", n.Node)
	}
}

// answering are the nodes whose etcd answers. The others are named once, by Leader.
func (e *evaluation) answering(f *finding) []Facts {
	var some []Facts
	for _, n := range e.facts {
		if n.Etcd.Error != "" {
			f.doubt("%s: etcd does not answer", n.Node)
			continue
		}
		some = append(some, n)
	}
	return some
}

// serving are the nodes whose API server is ready.
func (e *evaluation) serving() []Facts {
	var some []Facts
	for _, n := range e.facts {
		if n.API.Error == "" {
			some = append(some, n)
		}
	}
	return some
}

// patience is how old a sign of life may be: leases are renewed every two to ten seconds.
const patience = time.Minute

// leftovers are what a run should have taken away. What only takes room is no fault.
func (e *evaluation) leftovers(f *finding) {
	for _, n := range e.facts {
		if n.Files.Error != "" {
			f.doubt("%s: %s", n.Node, n.Files.Error)
			continue
		}
		for _, path := range n.Files.Agents {
			f.fail("%s: %s is in the kubelet's folder", n.Node, path)
		}
		for _, path := range n.Files.Parked {
			f.fail("%s: %s is left", n.Node, path)
		}
		switch {
		case len(n.Files.Agents)+len(n.Files.Parked) > 0:
			f.next = "compare them with those in the kubelet's folder, and remove them; or, if a run is not finished: kubectl etcd-restore resume"
		case n.Files.Uploads > 0:
			f.see("%s none but %d uploads, which cleanup removes", n.Node, n.Files.Uploads)
		default:
			f.see("%s none", n.Node)
		}
	}
	e.helpers(f)
}

// helpers looks for pods of ours. One that runs may be somebody's at work, such as ours.
func (e *evaluation) helpers(f *finding) {
	for _, n := range e.serving() {
		if n.API.HelpersError != "" {
			f.doubt("%s", n.API.HelpersError)
			continue
		}
		for _, p := range n.API.Helpers {
			if p.Ended() || n.Time.Sub(p.Created) > time.Hour {
				f.fail("pod %s/%s (%s)", p.Namespace, p.Name, p.Phase)
				f.next = cmp.Or(f.next, "kubectl etcd-restore cleanup")
			}
		}
		return // all see the same
	}
	f.doubt("helper pods: no API server answers")
}
