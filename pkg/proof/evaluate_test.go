package proof

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/apiserver"
)

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// restored are the facts of three nodes on which a restore has gone well.
func restored() []Facts {
	var all []Facts
	var members []Member
	planned := map[string]string{}
	for i := 1; i <= 3; i++ {
		name, id := fmt.Sprintf("cp%d", i), fmt.Sprintf("a%d", i)
		members = append(members, Member{ID: id, Name: name, Peers: []string{"https://10.0.0.1:2380"}, Clients: []string{"https://10.0.0.1:2379"}})
		planned[name] = id
	}
	for _, m := range members {
		all = append(all, Facts{
			Node: m.Name, Time: noon, DataDir: "/var/lib/etcd-restored-x",
			Etcd: Etcd{
				MemberID: m.ID, ClusterID: "c1", Leader: "a1", Term: 2, Revision: 2_000, Compacted: true,
				Members: slices.Clone(members),
			},
			Hashes: []Hash{{Member: m.ID, Revision: 2_000, CompactRevision: 1_500, Hash: 0xabcd}},
			API: API{
				Revision: 2_000, Expired: true, DataDir: "/var/lib/etcd-restored-x",
				Controllers: []apiserver.Lease{{Name: "kube-controller-manager", Holder: "cp1", Renewed: noon.Add(-time.Second)}, {Name: "kube-scheduler", Holder: "cp2", Renewed: noon}},
				Kubelets:    []apiserver.Lease{{Name: "cp1", Renewed: noon}, {Name: "cp2", Renewed: noon}, {Name: "cp3", Renewed: noon.Add(-9 * time.Second)}},
				Nodes:       []apiserver.Node{{Name: "cp1", Ready: true}, {Name: "cp2", Ready: true}, {Name: "cp3", Ready: true}},
			},
			Run: &Run{
				Name: "20261126T115500Z-aaaaaa", Decision: "20261126T115400Z-4f2a", State: "complete", ClusterID: "c1",
				Members: planned, Highest: 900, Revision: 1_900, Served: noon.Add(-4 * time.Minute),
			},
		})
	}
	return all
}

// Each check sees what it is there for, and no other.
func TestEvaluate(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change  func(f []Facts)
		scope   Scope
		failed  string // names of the checks
		unknown string
		says    string
	}{
		"whole": {change: func([]Facts) {}},
		"a node is not reached": {
			change:  func(f []Facts) { f[2] = Facts{Node: "cp3", Error: "no route"} },
			unknown: "Reached Leader HashKV", says: "cp3: no route",
		},
		"an excluded node is not reached": {
			change: func(f []Facts) {
				f[2] = Facts{Node: "cp3", Error: "no route"}
				for i := range f[:2] {
					f[i].Etcd.Members = f[i].Etcd.Members[:2]
					f[i].API.Nodes[2] = apiserver.Node{Name: "cp3", Message: "Kubelet stopped posting node status."}
					delete(f[i].Run.Members, "cp3")
				}
			},
			scope: Scope{Excluded: []string{"cp3"}},
		},
		"a run is not finished": {change: func(f []Facts) { f[1].Open, f[1].Run.State = []string{f[1].Run.Name}, "" }, failed: "Run", says: "cp2: run 20261126T115500Z-aaaaaa is not finished"},
		"another restore":       {change: func(f []Facts) { f[1].Run.Decision = "20261126T110000Z-0000" }, failed: "Run"},
		"a member is missing": {change: func(f []Facts) {
			for i := range f {
				f[i].Etcd.Members = f[i].Etcd.Members[:2]
			}
		}, failed: "Members", says: "member cp3 (a3) of the plan is missing"},
		"a learner":                        {change: func(f []Facts) { f[0].Etcd.Members[2].Learner = true }, failed: "Members", says: "cp3 is a learner"},
		"a member has not started":         {change: func(f []Facts) { f[0].Etcd.Members[2].Name = "" }, failed: "Members", says: "has not started"},
		"a planned member has not started": {change: func(f []Facts) { f[0].Etcd.Members[2].Clients = nil }, failed: "Members", says: "member cp3 (https://10.0.0.1:2380) has not started"},
		"a member of another ID": {change: func(f []Facts) {
			for i := range f {
				f[i].Etcd.Members[2].ID = "b3"
			}
			f[2].Etcd.MemberID, f[2].Hashes[0].Member = "b3", "b3"
		}, failed: "Members", says: "cp3 (b3) is not of the plan"},
		"a member that rejoined": {change: func(f []Facts) {
			for i := range f {
				f[i].Etcd.Members[2].ID = "b3"
			}
			f[2].Etcd.MemberID, f[2].Hashes[0].Member = "b3", "b3"
			f[2].Rejoin = &Rejoin{Name: "20261126T115900Z-bbbbbb", ClusterID: "c1", MemberID: "b3"}
		}},
		"two clusters": {change: func(f []Facts) { f[2].Etcd.ClusterID = "c2" }, failed: "Members", says: "cp3 is in cluster c2"},
		"another cluster than planned": {change: func(f []Facts) {
			for i := range f {
				f[i].Run.ClusterID = "c9"
			}
		}, failed: "Members"},
		"two leaders":       {change: func(f []Facts) { f[2].Etcd.Leader = "a3" }, failed: "Leader"},
		"no leader":         {change: func(f []Facts) { f[2].Etcd.Leader = "" }, failed: "Leader", says: "cp3 sees no leader"},
		"etcd is down":      {change: func(f []Facts) { f[2].Etcd, f[2].Hashes = Etcd{Error: "refused"}, nil }, failed: "Leader", unknown: "Members HashKV Alarms Revision Compacted", says: "cp3: refused"},
		"other data":        {change: func(f []Facts) { f[2].Hashes[0].Hash++ }, failed: "HashKV", says: "cp3 has 0000abce"},
		"compacted between": {change: func(f []Facts) { f[2].Hashes[0].CompactRevision++ }, unknown: "HashKV"},
		"no hash":           {change: func(f []Facts) { f[2].Hashes[0].Error = "required revision has been compacted" }, unknown: "HashKV"},
		"an alarm":          {change: func(f []Facts) { f[0].Etcd.Alarms = []string{"NOSPACE"} }, failed: "Alarms"},
		"a low revision":    {change: func(f []Facts) { f[0].Etcd.Revision = 1_899 }, failed: "Revision"},
		"no bump": {change: func(f []Facts) {
			for i := range f {
				f[i].Run.Highest = 1_900
			}
		}, failed: "Revision"},
		"the API server is behind": {change: func(f []Facts) { f[0].API.Revision = 900 }, failed: "Revision"},
		"etcd is not compacted":    {change: func(f []Facts) { f[1].Etcd.Compacted = false }, failed: "Compacted"},
		"an old watch goes on":     {change: func(f []Facts) { f[1].API.Expired, f[1].API.ExpiredError = false, "a watch stays open" }, failed: "Compacted"},
		"an API server is down":    {change: func(f []Facts) { f[1].API = API{Error: "connection refused"} }, failed: "APIServers"},
		"no API server": {change: func(f []Facts) {
			for i := range f {
				f[i].API = API{Error: "connection refused"}
			}
		}, failed: "APIServers", unknown: "Controllers Nodes DataDir Leftovers"},
		"nobody controls":     {change: func(f []Facts) { f[0].API.Controllers[0].Renewed = noon.Add(-2 * time.Minute) }, failed: "Controllers"},
		"a lease of old":      {change: func(f []Facts) { f[0].API.Controllers[1].Renewed = noon.Add(-time.Hour) }, failed: "Controllers", says: "before the restore"},
		"a node is not ready": {change: func(f []Facts) { f[0].API.Nodes[1] = apiserver.Node{Name: "cp2", Message: "stopped posting"} }, failed: "Nodes", says: "cp2: stopped posting"},
		"a kubelet is silent": {change: func(f []Facts) { f[0].API.Kubelets[1].Renewed = noon.Add(-2 * time.Minute) }, failed: "Nodes"},
		"another directory":   {change: func(f []Facts) { f[2].DataDir = "/var/lib/etcd" }, failed: "DataDir"},
		"no kubeadm-config":   {change: func(f []Facts) { f[0].API.NoConfig, f[0].API.DataDir = true, "" }},
		"an agent is left":    {change: func(f []Facts) { f[0].Files.Agents = []string{"/etc/kubernetes/manifests/etcd-restore.yaml"} }, failed: "Leftovers"},
		"a manifest is out":   {change: func(f []Facts) { f[0].Files.Parked = []string{"/etc/kubernetes/etcd-restore/x/etcd.yaml"} }, failed: "Leftovers"},
		"a pod is left":       {change: func(f []Facts) { f[0].API.Helpers = []apiserver.Pod{{Name: "p", Phase: "Failed", Created: noon}} }, failed: "Leftovers"},
		"a pod works":         {change: func(f []Facts) { f[0].API.Helpers = []apiserver.Pod{{Name: "p", Phase: "Running", Created: noon}} }},
		"uploads are left":    {change: func(f []Facts) { f[0].Files.Uploads = 2 }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			facts := restored()
			tc.change(facts)
			report := Evaluate(facts, tc.scope)
			if got := strings.Join(report.names(Failed), " "); got != tc.failed {
				t.Errorf("failed: %q, want %q", got, tc.failed)
			}
			if got := strings.Join(report.names(Unknown), " "); got != tc.unknown {
				t.Errorf("unknown: %q, want %q", got, tc.unknown)
			}
			want := error(nil)
			if tc.failed != "" {
				want = ErrFailed
			} else if tc.unknown != "" {
				want = ErrUnknown
			}
			if err := report.Err(); !errors.Is(err, want) {
				t.Errorf("got %v, want %v", err, want)
			}
			if text := fmt.Sprint(report.Results); !strings.Contains(text, tc.says) {
				t.Errorf("it does not say %q: %s", tc.says, text)
			}
			if t.Failed() {
				for _, r := range report.Results {
					t.Log(r)
				}
			}
		})
	}
}

// Without a restore the checks that need none are made.
func TestEvaluateWithoutRestore(t *testing.T) {
	t.Parallel()
	facts := restored()
	for i := range facts {
		facts[i].Run = nil
	}
	report := Evaluate(facts, Scope{})
	if err := report.Err(); err != nil || report.Run != "" {
		t.Errorf("%v: %+v", err, report)
	}
	for _, r := range report.Results {
		if r.Check == "Revision" || r.Check == "Compacted" {
			t.Errorf("%s was checked", r.Check)
		}
	}
	if got := LowestRevision(facts); got != 2_000 {
		t.Errorf("lowest revision %d", got)
	}
	if err := Evaluate(nil, Scope{}).Err(); !errors.Is(err, ErrUnknown) {
		t.Errorf("of nobody: %v", err)
	}
}
