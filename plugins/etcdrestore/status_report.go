package etcdrestore

import (
	"github.com/etcd-restore/etcd-restore/pkg/node"
	"github.com/etcd-restore/etcd-restore/pkg/noderestore"
	"github.com/etcd-restore/etcd-restore/pkg/topology"
)

// nodeStatus is the form of node status -o json.
type nodeStatus struct {
	TypeMeta
	topology.Report
	Verdict verdict    `json:"verdict"`
	Runs    runsStatus `json:"runs"`
}

type runsStatus struct {
	Path       string      `json:"path"`
	Error      string      `json:"error,omitempty"`
	Total      int         `json:"total"`
	Unfinished []runStatus `json:"unfinished"`
}

// newNodeStatus puts the facts into the form that is printed. program is what a
// person types to run this.
func newNodeStatus(f *node.Facts, program string) nodeStatus {
	s := nodeStatus{
		TypeMeta: TypeMeta{apiVersion, "NodeStatus"},
		Report:   topology.Of(f, noderestore.Seen(f)),
		Verdict:  judge(f, program),
		Runs:     runsStatus{Path: f.Runs.Path, Error: message(f.Runs.Err), Total: len(f.Runs.Runs), Unfinished: []runStatus{}},
	}
	for _, r := range f.Runs.Runs {
		if r.Err != nil || r.State.Outcome == "" {
			s.Runs.Unfinished = append(s.Runs.Unfinished, newRunStatus(r).in(f.Runs.Busy))
		}
	}
	return s
}
