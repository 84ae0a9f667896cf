package proof

import (
	"cmp"
	"slices"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/apiserver"
)

func (e *evaluation) servers(f *finding) {
	for _, n := range e.facts {
		if n.API.Error != "" {
			f.fail("%s: %s", n.Node, n.API.Error)
			f.next = "look at its log: crictl ps -a --name kube-apiserver"
			continue
		}
		f.see("%s ready", n.Node)
	}
}

// controllers wants the controller manager and the scheduler to act, and to have begun so
// after the restore: the leases in a snapshot are renewed by nobody.
func (e *evaluation) controllers(f *finding) {
	n, ok := e.witness(f, func(a API) string { return a.ControllersError })
	if !ok {
		return
	}
	for _, l := range n.API.Controllers {
		age := n.Time.Sub(l.Renewed)
		switch {
		case l.Renewed.IsZero():
			f.fail("nobody holds the lease %s", l.Name)
		case e.run != nil && l.Renewed.Before(e.run.Served):
			f.fail("%s was renewed last %s before the restore", l.Name, round(e.run.Served.Sub(l.Renewed)))
		case age > patience:
			f.fail("%s was renewed last %s ago, by %s", l.Name, round(age), l.Holder)
		default:
			f.see("%s renewed %s ago", l.Name, round(max(age, 0)))
			continue
		}
		f.next = "look at its log: crictl ps -a --name " + l.Name
	}
}

// nodes wants every kubelet to report to the cluster.
func (e *evaluation) nodes(f *finding) {
	n, ok := e.witness(f, func(a API) string { return a.NodesError })
	if !ok {
		return
	}
	ready := 0
	for _, node := range n.API.Nodes {
		i := slices.IndexFunc(n.API.Kubelets, func(l apiserver.Lease) bool { return l.Name == node.Name })
		switch {
		case slices.Contains(e.scope.Excluded, node.Name):
			f.see("%s is excluded", node.Name)
			continue
		case !node.Ready:
			f.fail("%s: %s", node.Name, cmp.Or(node.Message, "not ready"))
		case i < 0:
			f.fail("%s has no lease", node.Name)
		case n.Time.Sub(n.API.Kubelets[i].Renewed) > patience:
			f.fail("%s renewed its lease last %s ago", node.Name, round(n.Time.Sub(n.API.Kubelets[i].Renewed)))
		case e.run != nil && n.API.Kubelets[i].Renewed.Before(e.run.Served):
			f.fail("%s has not renewed its lease since the restore", node.Name)
		default:
			ready++
			continue
		}
		f.next = "look at the log of its kubelet: journalctl -u kubelet"
	}
	if ready > 0 {
		f.see("%d of %d ready, their leases renewed", ready, len(n.API.Nodes))
	}
}

// witness is a node whose API server told what all of them tell.
func (e *evaluation) witness(f *finding, errorOf func(API) string) (Facts, bool) {
	last := "no API server answers"
	for _, n := range e.serving() {
		text := errorOf(n.API)
		if text == "" {
			return n, true
		}
		last = n.Node + ": " + text
	}
	f.doubt("%s", last)
	return Facts{}, false
}

// dataDir wants kubeadm to know the directory that every manifest names: an upgrade makes
// the manifests anew.
func (e *evaluation) dataDir(f *finding) {
	noted := ""
	if n, ok := e.witness(f, func(a API) string { return a.DataDirError }); ok {
		if n.API.NoConfig {
			f.see("kubeadm has no configuration in this cluster")
			return
		}
		noted = n.API.DataDir
	}
	for _, n := range e.facts {
		switch {
		case n.DataDir == "":
			f.doubt("%s: its manifest does not tell", n.Node)
		case noted != "" && n.DataDir != noted:
			f.fail("the manifest of %s has %s, and kubeadm-config %s", n.Node, n.DataDir, noted)
			f.next = "kubeadm upgrade would go back to that: write the right one into the ConfigMap kubeadm-config of kube-system, dataDir of etcd.local"
		}
	}
	f.see("%s, in kubeadm-config and every manifest", noted)
}

func round(d time.Duration) time.Duration { return d.Round(time.Second) }
