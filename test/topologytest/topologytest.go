// Package topologytest makes what the nodes of a control plane tell, for tests to break.
package topologytest

import (
	"fmt"
	"slices"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/topology"
)

// Noon is when all was told.
var Noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// Told is a healthy control plane of these nodes. The member of the first has the ID a1
// and leads; all are in cluster c1, at revision 48211.
func Told(names ...string) topology.Told {
	told := topology.Told{Time: Noon, Kubernetes: &topology.Kubernetes{
		Server: "https://10.0.0.100:6443", Cluster: "kubernetes", DataDir: "/var/lib/etcd",
	}}
	var members []topology.Member
	for i, name := range names {
		members = append(members, topology.Member{ID: fmt.Sprintf("a%d", i+1), Name: name, PeerURLs: []string{peer(i)}})
	}
	for i, name := range names {
		told.Answers = append(told.Answers, topology.Answer{Host: address(i), Report: report(i, members)})
		told.Kubernetes.Nodes = append(told.Kubernetes.Nodes, topology.KubeNode{Name: name, Ready: true, Addresses: []string{address(i), name}})
		told.Kubernetes.Pods = append(told.Kubernetes.Pods, topology.EtcdPod{Name: "etcd-" + name, Node: name, Ready: true})
	}
	return told
}

func address(i int) string { return fmt.Sprintf("10.0.0.%d", i+1) }
func peer(i int) string    { return "https://" + address(i) + ":2380" }

func report(i int, members []topology.Member) *topology.Report {
	m := members[i]
	r := &topology.Report{
		Time: Noon, Hostname: m.Name, Root: true,
		Manifests: topology.Manifests{Path: "/etc/kubernetes/manifests"},
		Etcd:      topology.Etcd{Name: m.Name, PeerURLs: m.PeerURLs, ClientURLs: []string{"https://" + address(i) + ":2379"}, Version: "3.7.3"},
		APIServer: topology.APIServer{EtcdServers: []string{"https://127.0.0.1:2379"}},
		Data: topology.Data{
			Path: "/var/lib/etcd", DBSize: 17e6, Free: 63e9, InUse: true, Revision: 48200, HighestRevision: 48200, ConsistentIndex: 880,
			MemberID: m.ID, ClusterID: "c1",
		},
		Health:  topology.Health{Serves: true, Revision: 48211, Leader: "a1", IsLeader: i == 0, Term: 4},
		Kubelet: topology.Kubelet{Running: true, Healthy: true},
	}
	for _, m := range members {
		m.PeerURLs = slices.Clone(m.PeerURLs)
		r.Data.Members = append(r.Data.Members, m)
	}
	for _, name := range topology.Components() {
		r.Manifests.Components = append(r.Manifests.Components, topology.Component{
			Name: name, File: name + ".yaml", Container: &topology.Container{ID: "0123456789abcdef", State: "running"},
		})
	}
	expires := Noon.AddDate(0, 0, 100+i)
	r.Certificates = []topology.Certificate{{Name: "etcd-server", State: "good", Expires: &expires}}
	return r
}

// Stopped is a member that was killed, with the end of its log.
func Stopped(r *topology.Report, term, index uint64) {
	r.Health = topology.Health{Error: "https://127.0.0.1:2379: unreachable: connection refused"}
	r.Data.InUse = false
	r.Data.HighestRevision = 48211
	r.Data.Log = &topology.Log{LastTerm: term, LastIndex: index, Commit: index}
	for _, i := range []int{0, 1} {
		r.Manifests.Components[i].Container.State = "exited"
	}
}

// Destroyed is a member without data.
func Destroyed(r *topology.Report) {
	Stopped(r, 0, 0)
	r.Data = topology.Data{Path: r.Data.Path, Free: r.Data.Free, DatabaseError: "open data directory /var/lib/etcd: not a data directory of etcd: it is empty"}
}

// Damaged is a member whose log cannot be read to its end.
func Damaged(r *topology.Report) {
	Stopped(r, 0, 0)
	r.Data.Log = nil
	r.Data.DatabaseError = "read log /var/lib/etcd/member/wal: corrupt"
}

// Leaderless is a member that runs while too few others do.
func Leaderless(r *topology.Report) {
	r.Health = topology.Health{Revision: 48211, Term: 5}
	r.Manifests.Components[1].Container.State = "exited"
}

// LeftOut makes the i-th node one that a restore has left out, and that is back with its
// old data: those of cluster c0, whose other members have gone.
func LeftOut(told *topology.Told, i int) {
	for j, a := range told.Answers {
		if j != i {
			a.Report.Data.Members = slices.Delete(a.Report.Data.Members, i, i+1)
		}
	}
	r := told.Answers[i].Report
	Leaderless(r)
	r.Data.ClusterID, r.Data.MemberID = "c0", "b"+r.Data.MemberID
	for j := range r.Data.Members {
		r.Data.Members[j].ID = "b" + r.Data.Members[j].ID
	}
}

// NoKubelet is a node whose kubelet was stopped.
func NoKubelet(r *topology.Report) { r.Kubelet = topology.Kubelet{Error: "no kubelet runs"} }

// External is a node without an etcd, whose API server uses another one.
func External(r *topology.Report, urls ...string) {
	r.Etcd = topology.Etcd{Error: "no manifest of etcd"}
	r.Health = topology.Health{Error: "refused"}
	r.Data = topology.Data{Error: "/var/lib/etcd: no such file or directory", Assumed: true}
	r.APIServer.EtcdServers = urls
}
