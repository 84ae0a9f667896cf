package etcdrestore

import (
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/journal"
	"github.com/etcd-restore/etcd-restore/pkg/noderestore"
)

// workReport is what became of a run.
type workReport struct {
	TypeMeta
	Run             string    `json:"run"`
	Outcome         string    `json:"outcome"` // complete, rolled back
	Member          string    `json:"member"`
	ClusterID       string    `json:"clusterID"`
	Revision        int64     `json:"restoredRevision"`
	OldDataDir      string    `json:"oldDataDir"` // where the old data are now
	DataDir         string    `json:"dataDir"`    // where etcd's data are
	Stopped         time.Time `json:"stopped"`    // when the control plane was stopped
	Ready           time.Time `json:"ready"`      // when the API server was ready again
	DowntimeSeconds float64   `json:"downtimeSeconds"`
	Missing         []string  `json:"missing,omitempty"` // members that had not come when the restore was finished
	plan            *noderestore.Plan
}

func newWorkReport(run *journal.Run) workReport {
	state := run.State()
	r := workReport{TypeMeta: TypeMeta{apiVersion, "NodeRestore"}, Run: run.Name, Outcome: string(state.Outcome)}
	plan, err := noderestore.Decode(run.Plan())
	if err != nil { // it was read before
		return r
	}
	r.plan = plan
	d, p := &plan.Decision, &plan.Node
	r.Member, r.ClusterID, r.Revision = p.Member, d.ClusterID, d.Revision
	r.OldDataDir, r.DataDir = p.OldData, p.NewData
	r.Missing = state.Missing
	if p.Mode == noderestore.ModeSwap {
		r.OldDataDir, r.DataDir = p.NewData, p.OldData
	}
	if state.Outcome == journal.RolledBack {
		r.DataDir, r.OldDataDir = p.OldData, ""
	}
	for _, rec := range run.Records() {
		switch {
		case rec.Step == "stop/manifests" && rec.Event == journal.Intent:
			r.Stopped = rec.Time
		case rec.Step == "verify/ready" && rec.Event == journal.Done, rec.Step == "stop/manifests" && rec.Event == journal.Undone:
			r.Ready = rec.Time
		}
	}
	if r.Ready.After(r.Stopped) {
		r.DowntimeSeconds = r.Ready.Sub(r.Stopped).Seconds()
	}
	return r
}

func (r workReport) words() string {
	var p page
	if r.Outcome == string(journal.RolledBack) {
		p.section("Rolled back: run %s", r.Run)
		p.fact("data", "%s, as before", r.DataDir)
		return p.String()
	}
	p.section("Restored: run %s", r.Run)
	p.fact("member", "%s of the new cluster %s", r.Member, r.ClusterID)
	p.fact("revision", "starts at %d; watches from before end with \"compacted\"", r.Revision)
	p.fact("data", "%s", r.DataDir)
	p.fact("old data", "%s, untouched", r.OldDataDir)
	if r.DowntimeSeconds > 0 {
		p.fact("downtime", "%.0f s without this API server", r.DowntimeSeconds)
	}
	for _, name := range r.Missing {
		p.line("Member %s had not come when the restore was finished. It is a member of the new cluster: resume the run on its node. If that is lost, replace the member.", name)
	}
	p.section("Watch these for the next minutes")
	p.command("kubectl get nodes")
	p.command("kubectl get pods -A --field-selector=status.phase!=Running")
	p.line("Pods made after the snapshot are being stopped, those deleted since come back. When all is well remove the old data yourself.")
	return p.String()
}
