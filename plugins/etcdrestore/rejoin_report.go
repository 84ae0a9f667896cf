package etcdrestore

import (
	"encoding/json"
	"strings"

	"github.com/etcd-restore/etcd-restore/pkg/journal"
	"github.com/etcd-restore/etcd-restore/pkg/noderejoin"
	"github.com/etcd-restore/etcd-restore/pkg/noderestore"
)

// rejoinPlan is a plan as it is printed.
type rejoinPlan struct{ plan *noderejoin.Plan }

// MarshalJSON is that of the plan.
func (r rejoinPlan) MarshalJSON() ([]byte, error) { return json.Marshal(r.plan) }

func (r rejoinPlan) words() string {
	var p page
	p.section("Member %s rejoins cluster %s", r.plan.Node.Member, r.plan.ClusterID)
	p.fact("peer URL", "%s", strings.Join(r.plan.PeerURLs, ", "))
	p.fact("asks", "%s", strings.Join(r.plan.Endpoints, ", "))
	p.fact("new data", "%s, of a learner at first", r.plan.DataDir())
	if r.plan.Node.Mode == noderestore.ModeSwap {
		p.fact("old data", "%s moves to %s", r.plan.Node.OldData, r.plan.Node.NewData)
	} else {
		p.fact("old data", "%s stays as it is", r.plan.Node.OldData)
	}
	p.fact("etcd.yaml", "--initial-cluster and --initial-cluster-state=existing")
	for _, e := range r.plan.Node.Edits {
		p.fact("", "volume %s: hostPath %s becomes %s", e.Volume, e.From, e.To)
	}
	for _, note := range r.plan.Notes {
		p.line("note: %s", note)
	}
	return p.String()
}

// rejoinReport is what became of it.
type rejoinReport struct {
	TypeMeta
	Run        string `json:"run"`
	Outcome    string `json:"outcome"` // complete, rolled back
	Member     string `json:"member"`
	ClusterID  string `json:"clusterID"`
	DataDir    string `json:"dataDir"`    // where etcd's data are
	OldDataDir string `json:"oldDataDir"` // where those before are
}

func newRejoinReport(run *journal.Run) rejoinReport {
	r := rejoinReport{TypeMeta: TypeMeta{apiVersion, "NodeRejoin"}, Run: run.Name, Outcome: string(run.State().Outcome)}
	plan, err := noderejoin.Decode(run.Plan())
	if err != nil { // it was read before
		return r
	}
	r.Member, r.ClusterID = plan.Node.Member, plan.ClusterID
	r.DataDir, r.OldDataDir = plan.DataDir(), plan.OldDataDir()
	if r.Outcome == string(journal.RolledBack) {
		r.DataDir, r.OldDataDir = plan.Node.OldData, ""
	}
	return r
}

func (r rejoinReport) words() string {
	var p page
	if r.Outcome == string(journal.RolledBack) {
		p.section("Rolled back: run %s", r.Run)
		p.fact("data", "%s, as before", r.DataDir)
		return p.String()
	}
	p.section("Rejoined: run %s", r.Run)
	p.fact("member", "%s of cluster %s, with a vote", r.Member, r.ClusterID)
	p.fact("data", "%s", r.DataDir)
	p.fact("old data", "%s, if there were any: untouched", r.OldDataDir)
	return p.String()
}
