package noderestore

import "github.com/etcd-restore/etcd-restore/pkg/workflow"

// phases are all that is done, in this order. The journal knows the steps by these
// names: a run that was begun with others cannot be resumed.
func (m *machine) phases() []workflow.Phase {
	stage := workflow.Phase{Name: "stage", Steps: []workflow.Step{
		{Name: "keep-manifests", Do: m.keep},
		{Name: "data", Do: m.stage, Done: m.staged, Undo: m.unstage},
	}}
	if m.plan.HoldSeconds > 0 {
		stage.Steps = append(stage.Steps, workflow.Step{Name: stepGo, Do: m.awaitGo})
	}
	stop := workflow.Phase{Name: "stop", Steps: []workflow.Step{
		{Name: "manifests", Do: m.takeOut, Undo: m.serveAgain},
		{Name: "containers", Do: m.halt},
		{Name: "prove", Do: m.prove},
		{Name: "others", Do: m.meet, MayUndo: m.retreat},
	}}
	start := workflow.Phase{Name: "start", Steps: []workflow.Step{
		{Name: "etcd", Do: m.startEtcd, Done: m.serves, MayUndo: m.settle, Undo: m.stopEtcd},
		{Name: "commit", Do: m.commitServed, Done: m.committed, Commit: true},
		{Name: "control-plane", Do: m.startClients},
	}}
	cutover := workflow.Phase{Name: "cutover", Steps: []workflow.Step{m.cutover()}}
	return []workflow.Phase{
		m.heeding(stage), m.heeding(stop), m.heeding(cutover), m.heeding(start),
		{Name: "verify", Steps: []workflow.Step{
			{Name: "ready", Do: m.waitReady},
			{Name: "revision", Do: m.checkRevision},
			{Name: "old-watches", Do: m.checkWatches},
		}},
		{Name: "post-restore", Steps: []workflow.Step{
			{Name: "kubeadm-config", Do: m.updateConfig},
			{Name: "endpoints", Do: m.cleanEndpoints},
			{Name: "helper-pods", Do: m.removeHelpers},
			{Name: "tidy", Do: m.tidy},
		}},
	}
}
