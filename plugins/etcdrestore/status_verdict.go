package etcdrestore

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/etcd-restore/etcd-restore/pkg/datadir"
	"github.com/etcd-restore/etcd-restore/pkg/journal"
	"github.com/etcd-restore/etcd-restore/pkg/node"
	"github.com/etcd-restore/etcd-restore/pkg/staticpod"
	"github.com/etcd-restore/etcd-restore/pkg/topology"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
)

// The states of a node.
const (
	stateHealthy    = "healthy"    // all that a control plane needs of the node is there
	stateDegraded   = "degraded"   // etcd serves, and something else is wrong
	stateDown       = "down"       // etcd does not serve
	stateUnfinished = "unfinished" // a restore stands in the middle
	stateUnknown    = "unknown"    // too little can be seen
)

// verdict is what it comes to, and what to do next.
type verdict struct {
	State   string   `json:"state"`
	Message string   `json:"message"`
	Next    []string `json:"next"` // commands, to be run in this order
}

// judge names what stands in the way of everything else first.
func judge(f *node.Facts, program string) verdict {
	j := judgement{f, program + " node "}
	for _, look := range []func() (verdict, bool){
		j.unfinished, j.unseen, j.noManifest, j.expired, j.etcdDown, j.kubeletDown, j.apiServerDown, j.blemished,
	} {
		if v, ok := look(); ok {
			return v
		}
	}
	return verdict{stateHealthy, "This control-plane node is healthy.", []string{j.node + "save snapshot.db"}}
}

type judgement struct {
	*node.Facts
	node string // the command up to its verb
}

func (j judgement) unfinished() (verdict, bool) {
	for _, r := range j.Runs.Runs {
		switch {
		case r.Err != nil:
			return verdict{
				stateUnfinished, fmt.Sprintf("The run %s cannot be read: %v", r.Name, r.Err),
				[]string{j.node + "runs " + r.Name},
			}, true
		case r.State.Outcome != "":
			continue
		}
		at := "before its first step"
		if n := len(r.State.Steps); n > 0 {
			at = fmt.Sprintf("at step %q", lastChanged(r).Name)
		}
		if j.Runs.Busy {
			return verdict{stateUnfinished, fmt.Sprintf("The restore %s is at work, %s. Let it.", r.Name, at), []string{j.node + "runs " + r.Name}}, true
		}
		v := verdict{stateUnfinished, fmt.Sprintf("The restore %s stands %s.", r.Name, at), []string{j.node + "resume " + r.Name}}
		switch {
		case r.State.GoingBack:
			v.Message += " It is on its way back."
			v.Next = []string{j.node + "rollback " + r.Name}
		case r.State.Committed:
			v.Message += " There is no way back: finish it."
		default:
			v.Message += " Finish it, or go back with rollback."
		}
		return v, true
	}
	return verdict{}, false
}

// lastChanged is the step that the last event of a run was about.
func lastChanged(r journal.Summary) journal.Step {
	name := ""
	for _, rec := range r.Records {
		if rec.Step != "" {
			name = rec.Step
		}
	}
	step, _ := r.State.Step(name)
	return step
}

// unseen is for a person who is not root, and sees next to nothing.
func (j judgement) unseen() (verdict, bool) {
	if j.Root || topology.Serves(j.Live) && j.Data.SourceErr == nil {
		return verdict{}, false
	}
	return verdict{
		stateUnknown, "Too little can be seen without being root.",
		[]string{"sudo " + j.node + "status"},
	}, true
}

func (j judgement) noManifest() (verdict, bool) {
	err := j.Etcd.Err
	switch {
	case err == nil:
		return verdict{}, false
	case j.Data.Running:
		return verdict{stateDegraded, fmt.Sprintf("An etcd runs on %s, and its manifest is not clear: %v", j.Data.Dir.Path, err), j.mend(err)}, true
	case j.readable():
		return verdict{
			stateDown,
			fmt.Sprintf("etcd has no manifest, and is down: %v. Its data can be read, at revision %d.", err, j.Data.Source.Proven),
			append(j.mend(err), j.node+"save snapshot.db --from data-dir"),
		}, true
	}
	return verdict{stateDown, fmt.Sprintf("etcd has no manifest, and is down: %v", err), j.mend(err)}, true
}

// mend says what to do about the folder of manifests.
func (j judgement) mend(err error) []string {
	if errors.Is(err, staticpod.ErrSeveral) || len(j.Manifests.Findings) > 0 {
		return j.moveStray()
	}
	return []string{"ls -la " + output.Quote(j.Manifests.Path)}
}

func (j judgement) readable() bool {
	return j.Data.Err == nil && j.Data.Source.ConsistentIndex > 0
}

func (j judgement) etcdDown() (verdict, bool) {
	down := func(message string, next ...string) (verdict, bool) {
		return verdict{stateDown, message, next}, true
	}
	d := j.Data
	switch {
	case topology.Serves(j.Live):
		return verdict{}, false
	case j.Live.Err == nil:
		return down("etcd runs and has no leader: too few of its members do. Look at node status on the others: "+
			strings.Join(j.others(), ", "), j.node+"save snapshot.db")
	case d.Running:
		return down(fmt.Sprintf("An etcd runs on %s and does not answer: %v", d.Dir.Path, j.Live.Err), j.logs("etcd")...)
	case errors.Is(d.Err, fs.ErrNotExist), errors.Is(d.SourceErr, datadir.ErrNotDataDir) && d.DBSize == 0:
		return down(fmt.Sprintf("etcd is down, and there are no data in %s.", d.Dir.Path), j.restore()...)
	case d.Err != nil:
		return down(fmt.Sprintf("etcd is down, and its data cannot be looked at: %v", d.Err), j.logs("etcd")...)
	case d.SourceErr != nil && !j.readable():
		return down(fmt.Sprintf("etcd is down, and its data cannot be read: %v", d.SourceErr), j.restore()...)
	case errors.Is(d.SourceErr, datadir.ErrNotDataDir):
		return down(fmt.Sprintf("etcd is down, and its log is gone: %v. Its database can be read, at revision %d.", d.SourceErr, d.Source.Proven), j.restore()...)
	case d.SourceErr != nil:
		return down(fmt.Sprintf("etcd is down, and its data are damaged: %v", d.SourceErr), j.node+"save snapshot.db --from data-dir --allow-partial")
	case j.Kubelet.Err != nil:
		return down(fmt.Sprintf("etcd is down, and so is the kubelet that would start it. Its data can be read, at revision %d.", d.Source.Proven), j.startKubelet()...)
	}
	return down(fmt.Sprintf("etcd is down. Its data can be read, at revision %d.", d.Source.Proven),
		append(j.logs("etcd"), j.node+"save snapshot.db --from data-dir")...)
}

// restore is what remains where the data do not help.
func (j judgement) restore() []string {
	return []string{j.node + "plan SNAPSHOT", j.node + "run SNAPSHOT"}
}

// others are the members that should run elsewhere.
func (j judgement) others() (names []string) {
	for _, m := range j.Data.Source.Members {
		if m.ID != j.Data.Source.MemberID {
			names = append(names, fmt.Sprintf("%s at %s", m.Name, strings.Join(m.PeerURLs, ",")))
		}
	}
	return names
}

// logs shows why a container is what it is.
func (j judgement) logs(component string) []string {
	if c := topology.ContainerOf(j.Runtime.Pods, component); c != nil {
		return []string{"crictl logs --tail 30 " + c.ID}
	}
	return []string{"journalctl -u kubelet -n 50"}
}

// startKubelet starts what it needs first.
func (j judgement) startKubelet() []string {
	if j.Runtime.Err != nil {
		return []string{"systemctl restart containerd", "systemctl start kubelet"}
	}
	return []string{"systemctl start kubelet"}
}

func (j judgement) kubeletDown() (verdict, bool) {
	switch k := j.Kubelet; {
	case k.Err != nil:
		return verdict{stateDegraded, fmt.Sprintf("etcd serves, and no kubelet looks after it: %v", k.Err), j.startKubelet()}, true
	case k.State.Healthy != nil:
		return verdict{stateDegraded, fmt.Sprintf("etcd serves, and the kubelet does not work: %v", k.State.Healthy), []string{"journalctl -u kubelet -n 50"}}, true
	}
	return verdict{}, false
}

func (j judgement) apiServerDown() (verdict, bool) {
	if j.Runtime.Err != nil {
		return verdict{stateDegraded, fmt.Sprintf("etcd serves, and the containers cannot be seen: %v", j.Runtime.Err), []string{"systemctl status containerd"}}, true
	}
	for _, name := range topology.Components()[1:] {
		if c := topology.ContainerOf(j.Runtime.Pods, name); c == nil || c.State != "running" {
			return verdict{stateDegraded, fmt.Sprintf("etcd serves, and %s does not run.", name), j.logs(name)}, true
		}
	}
	return verdict{}, false
}

// fullAt is the part of the quota from which on a person should do something.
const fullAt = 0.9

// blemished is for what will be in the way one day.
func (j judgement) blemished() (verdict, bool) {
	degraded := func(message string, next ...string) (verdict, bool) {
		return verdict{stateDegraded, message, next}, true
	}
	if alarms := j.Live.Status.Alarms; len(alarms) > 0 {
		return degraded("etcd has raised an alarm: "+strings.Join(alarms, ", "), j.node+"save snapshot.db")
	}
	for _, c := range j.Certificates {
		if err := first(c.Err, c.Bad); err != nil {
			if old := j.old(); len(old) > 1 {
				return degraded(err.Error(), j.renew(old)...)
			}
			return degraded(err.Error(), j.command(err))
		}
	}
	if q := j.Etcd.Quota; q > 0 && float64(j.Data.DBSize) > fullAt*float64(q) {
		return degraded("The database is about to reach its quota: then etcd takes no more writes.", j.node+"save snapshot.db")
	}
	if len(j.Manifests.Findings) > 0 {
		return degraded("etcd serves, and a file in the folder of manifests is in the way of a restore.", j.moveStray()...)
	}
	return verdict{}, false
}

// moveStray takes what does not belong there out of the kubelet's sight. Of two files
// for one pod it cannot know which is the right one, unless one has kubeadm's name.
func (j judgement) moveStray() (commands []string) {
	for _, f := range j.Manifests.Findings {
		known := slices.Contains(topology.Components(), strings.TrimSuffix(f.File, ".yaml"))
		if !known && f.File == output.Clean(f.File) { // what is printed must be what is meant
			commands = append(commands, fmt.Sprintf("mv -n %s /root/", output.Quote(j.Manifests.Path+"/"+f.File)))
		}
	}
	if len(commands) == 0 {
		commands = []string{"ls -la " + output.Quote(j.Manifests.Path)}
	}
	return commands
}
