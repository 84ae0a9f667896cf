package noderejoin

import "github.com/etcd-restore/etcd-restore/pkg/workflow"

// stepDirectory is the step after which etcd's directory is this run's own.
const stepDirectory = "join/directory"

// phases are all that is done, in this order. The journal knows the steps by these names.
func (m *machine) phases() []workflow.Phase {
	return []workflow.Phase{
		{Name: "stage", Steps: []workflow.Step{
			{Name: "keep-manifests", Do: m.keep},
		}},
		{Name: "stop", Steps: []workflow.Step{
			{Name: "manifests", Do: m.takeOut, Undo: m.serveAgain},
			{Name: "containers", Do: m.halt},
			{Name: "prove", Do: m.prove},
		}},
		{Name: "join", Steps: []workflow.Step{
			{Name: "directory", Do: m.makeDirectory, Undo: m.removeDirectory},
			{Name: "member", Do: m.addMember, Undo: m.removeMember},
			{Name: "manifest", Do: m.edit, Undo: m.unedit},
			{Name: "etcd", Do: m.startEtcd, Undo: m.stopEtcd},
			{Name: "promote", Do: m.promote, Done: m.promoted, Commit: true},
		}},
		{Name: "start", Steps: []workflow.Step{
			{Name: "control-plane", Do: m.startClients},
		}},
		{Name: "verify", Steps: []workflow.Step{
			{Name: "ready", Do: m.waitReady},
		}},
		{Name: "post-rejoin", Steps: []workflow.Step{
			{Name: "tidy", Do: m.tidy},
		}},
	}
}
