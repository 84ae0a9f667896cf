package topology_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/etcd-restore/etcd-restore/pkg/topology"
	"github.com/etcd-restore/etcd-restore/test/topologytest"
)

func newPlane(t *testing.T, told topology.Told, choice topology.Choice) *topology.ControlPlane {
	t.Helper()
	c, err := topology.New(told, choice)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func three(change ...func(*topology.Told)) topology.Told {
	told := topologytest.Told("cp1", "cp2", "cp3")
	for _, f := range change {
		f(&told)
	}
	return told
}

// on changes what the i-th node tells.
func on(i int, changes ...func(*topology.Report)) func(*topology.Told) {
	return func(told *topology.Told) {
		for _, change := range changes {
			change(told.Answers[i].Report)
		}
	}
}

func away(i int) func(*topology.Told) {
	return func(told *topology.Told) {
		told.Answers[i] = topology.Answer{Host: told.Answers[i].Host, Err: errors.New("ssh: No route to host")}
	}
}

func apiDown(told *topology.Told) {
	told.Kubernetes, told.KubernetesErr = nil, errors.New("connection refused")
}

func leftOut(told *topology.Told) { topologytest.LeftOut(told, 2) }

func stopped(term, index uint64) func(*topology.Report) {
	return func(r *topology.Report) { topologytest.Stopped(r, term, index) }
}

// TestFindings: each way in which nodes, Kubernetes and etcd can disagree is named, and
// stands in the way of a restore until a person has said what is meant.
func TestFindings(t *testing.T) {
	t.Parallel()
	members := func(change func([]topology.Member) []topology.Member) func(*topology.Told) {
		return func(told *topology.Told) {
			for _, a := range told.Answers {
				a.Report.Data.Members = change(a.Report.Data.Members)
			}
		}
	}
	for name, tc := range map[string]struct {
		told    topology.Told
		kind    topology.Kind
		node    string
		text    string
		resolve string
		choice  topology.Choice // with which a restore may begin; the zero value if it may anyway
	}{
		"node that is down": {
			three(away(1)), topology.NodeUnreachable, "cp2", "No route to host", "--exclude-node cp2",
			topology.Choice{Exclude: []string{"cp2"}},
		},
		"node that is down, and nobody knows its name": {
			three(apiDown, away(1)), topology.NodeUnreachable, "cp2", "cp2 cannot be reached", "--exclude-node cp2",
			topology.Choice{Exclude: []string{"10.0.0.2"}},
		},
		"member that was not asked": {
			three(apiDown, func(told *topology.Told) { told.Answers = told.Answers[:2] }),
			topology.NodeNotAsked, "cp3", "https://10.0.0.3:2380", "--ssh 10.0.0.3",
			topology.Choice{Exclude: []string{"cp3"}},
		},
		"member that is no node": {
			three(members(func(m []topology.Member) []topology.Member {
				return append(slices.Clone(m), topology.Member{ID: "dead", Name: "old", PeerURLs: []string{"https://10.0.0.9:2380"}})
			})),
			topology.MemberWithout, "old", "member old (dead)", "remove the member",
			topology.Choice{Exclude: []string{"old"}},
		},
		"member that has never started": {
			three(members(func(m []topology.Member) []topology.Member {
				return append(slices.Clone(m), topology.Member{ID: "dead", PeerURLs: []string{"https://10.0.0.9:2380"}})
			})),
			topology.MemberWithout, "10.0.0.9", "dead", "remove the member",
			topology.Choice{Members: "cp1=https://10.0.0.1:2380,cp2=https://10.0.0.2:2380,cp3=https://10.0.0.3:2380"},
		},
		"node that is no member": {
			three(on(2, topologytest.Destroyed), members(func(m []topology.Member) []topology.Member { return m[:min(2, len(m))] })),
			topology.NodeWithout, "cp3", "no member of etcd", "--exclude-node cp3",
			topology.Choice{Exclude: []string{"cp3"}},
		},
		"node that is no member, named after all": {
			three(on(2, topologytest.Destroyed), members(func(m []topology.Member) []topology.Member { return m[:min(2, len(m))] })),
			topology.NodeWithout, "cp3", "no member of etcd", "--members",
			topology.Choice{Members: "cp1=https://10.0.0.1:2380,cp2=https://10.0.0.2:2380,cp3=https://10.0.0.3:2380"},
		},
		"node that Kubernetes knows and nobody asked": {
			three(func(told *topology.Told) {
				told.Kubernetes.Nodes = append(told.Kubernetes.Nodes, topology.KubeNode{Name: "cp4", Addresses: []string{"10.0.0.4"}})
			}),
			topology.NodeNotAsked, "cp4", "not asked", "--ssh cp4",
			topology.Choice{Exclude: []string{"cp4"}},
		},
		"same member twice": {
			three(apiDown, on(1, func(r *topology.Report) { topologytest.Stopped(r, 4, 900); r.Data.MemberID = "a1" })),
			topology.MemberTwice, "cp2", "cp1 and cp2 hold the data of one member, a1", "--exclude-node cp2",
			topology.Choice{Exclude: []string{"cp2"}},
		},
		"another cluster's data": {
			three(on(1, func(r *topology.Report) {
				topologytest.Stopped(r, 4, 900)
				r.Data.ClusterID = "c0"
				r.Data.MemberID = "b2"
			})),
			topology.ClusterOther, "cp2", "cluster c0, not of c1", "--exclude-node cp2",
			topology.Choice{Exclude: []string{"cp2"}},
		},
		"node that a restore has left out": {
			three(leftOut), topology.ClusterOther, "cp3", "cluster c0, not of c1: a restore may have left it out",
			"bring it back with rejoin cp3, or leave it out with --exclude-node cp3",
			topology.Choice{Exclude: []string{"cp3"}},
		},
		"removed and added again": {
			three(on(1, func(r *topology.Report) { topologytest.Stopped(r, 4, 900); r.Data.MemberID = "a0" })),
			topology.MemberRemoved, "cp2", "member a0, and the cluster lists it as a2", "",
			topology.Choice{},
		},
		"another name": {
			three(on(1, func(r *topology.Report) { topologytest.Leaderless(r); r.Etcd.Name = "infra2" })),
			topology.NameDiffers, "cp2", "infra2", "--members",
			topology.Choice{Exclude: []string{"cp2"}},
		},
		"another peer URL": {
			three(on(1, func(r *topology.Report) { r.Etcd.PeerURLs = []string{"https://localhost:2380"} })),
			topology.URLDiffers, "cp2", "https://localhost:2380", "--members",
			topology.Choice{Members: "cp1=https://10.0.0.1:2380,cp2=https://10.0.0.2:2380,cp3=https://10.0.0.3:2380"},
		},
		"learner": {
			three(members(func(m []topology.Member) []topology.Member { m[2].Learner = true; return m })),
			topology.MemberLearner, "cp3", "no vote", "",
			topology.Choice{},
		},
		"other data directory in kubeadm's configuration": {
			three(func(told *topology.Told) { told.Kubernetes.DataDir = "/srv/etcd" }),
			topology.DataDirDiffers, "cp1", "/srv/etcd", "",
			topology.Choice{},
		},
		"kubeconfig of another cluster": {
			three(func(told *topology.Told) {
				for i := range told.Kubernetes.Nodes {
					told.Kubernetes.Nodes[i].Addresses = []string{"192.168.0.1"}
				}
			}),
			topology.KubernetesOther, "", "https://10.0.0.100:6443 is of another cluster", "--context",
			topology.Choice{},
		},
		"not ready": {
			three(func(told *topology.Told) { told.Kubernetes.Nodes[0].Ready = false }),
			topology.NodeNotReady, "cp1", "not ready", "",
			topology.Choice{},
		},
		"alarm": {
			three(on(0, func(r *topology.Report) { r.Health.Alarms = []string{"NOSPACE"} })),
			topology.NodeUnhealthy, "cp1", "NOSPACE", "",
			topology.Choice{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newPlane(t, tc.told, topology.Choice{})
			i := slices.IndexFunc(c.Findings, func(f topology.Finding) bool { return f.Kind == tc.kind && f.Node == tc.node })
			if i < 0 {
				t.Fatalf("not found: %+v", c.Findings)
			}
			if f := c.Findings[i]; !strings.Contains(f.Message, tc.text) || !strings.Contains(f.Resolve, tc.resolve) {
				t.Errorf("%+v", f)
			}
			blocks := len(tc.choice.Exclude) > 0 || tc.choice.Members != ""
			if err := c.Check(); errors.Is(err, topology.ErrDisagree) != blocks {
				t.Errorf("before a choice: %v", err)
			}
			if err := newPlane(t, tc.told, tc.choice).Check(); err != nil {
				t.Errorf("after it: %v", err)
			}
		})
	}
}

// TestVerdict: what it comes to, and what comes first.
func TestVerdict(t *testing.T) {
	t.Parallel()
	snapshot := func(told *topology.Told) {
		told.Snapshots = []topology.Snapshot{{Path: "X", Time: topologytest.Noon.Add(-168 * 60e9), Revision: 46277, Members: []string{"a1"}}}
	}
	for name, tc := range map[string]struct {
		told  topology.Told
		state string
		text  string
		steps []topology.Step
	}{
		"healthy":       {three(), topology.StateHealthy, "3 of 3 members healthy.", []topology.Step{{Do: topology.DoSave}}},
		"API down only": {three(apiDown), topology.StateHealthy, "3 of 3 members healthy.", []topology.Step{{Do: topology.DoSave}}},
		"one without data": {
			three(on(1, topologytest.Destroyed)), topology.StateDegraded, "2 of 3 members healthy: no restore needed, replace cp2.",
			[]topology.Step{{Do: topology.DoRejoin, Node: "cp2"}},
		},
		"one damaged": {
			three(on(1, topologytest.Damaged)), topology.StateDegraded, "2 of 3 members healthy: no restore needed, replace cp2.",
			[]topology.Step{{Do: topology.DoRejoin, Node: "cp2"}},
		},
		"one stopped, with its kubelet": {
			three(on(1, stopped(4, 900), topologytest.NoKubelet)), topology.StateDegraded, "start cp2: its data are whole.",
			[]topology.Step{{Do: topology.DoOn, Node: "cp2", Arg: "systemctl start kubelet"}},
		},
		"one that fails to start": {
			three(on(1, stopped(4, 900))), topology.StateDegraded, "start cp2",
			[]topology.Step{{Do: topology.DoOn, Node: "cp2", Arg: "crictl logs --tail 30 0123456789abc"}},
		},
		"one hangs": {
			three(on(1, func(r *topology.Report) { r.Health = topology.Health{Error: "deadline"} })), topology.StateDegraded, "cp2 runs and does not take part.",
			[]topology.Step{{Do: topology.DoOn, Node: "cp2", Arg: "crictl logs --tail 30 0123456789abc"}},
		},
		"left out by a restore, and back": {
			three(leftOut), topology.StateDegraded, "2 of 2 members healthy: no restore needed. cp3 is no member: bring it back with rejoin.",
			[]topology.Step{{Do: topology.DoRejoin, Node: "cp3"}},
		},
		"left out by a restore, and back without its kubelet": {
			three(leftOut, on(2, topologytest.NoKubelet)), topology.StateDegraded, "bring it back with rejoin.",
			[]topology.Step{{Do: topology.DoOn, Node: "cp3", Arg: "systemctl start kubelet"}, {Do: topology.DoRejoin, Node: "cp3"}},
		},
		"left out by a restore, and another one is lost": {
			func() topology.Told {
				told := topologytest.Told("cp1", "cp2", "cp4", "cp3")
				topologytest.LeftOut(&told, 3)
				topologytest.Destroyed(told.Answers[1].Report)
				return told
			}(), topology.StateDegraded, "2 of 3 members healthy: no restore needed, replace cp2. cp3 is no member: bring it back with rejoin.",
			[]topology.Step{{Do: topology.DoRejoin, Node: "cp2"}, {Do: topology.DoRejoin, Node: "cp3"}},
		},
		"no member, and no etcd": {
			three(leftOut, on(2, func(r *topology.Report) { topologytest.External(r) })), topology.StateDegraded,
			"2 of 2 members healthy: no restore needed. See to what is listed above.",
			[]topology.Step{{Do: topology.DoSave}},
		},
		"kubelet down": {
			three(on(1, topologytest.NoKubelet)), topology.StateDegraded, "3 of 3 members healthy: no restore needed.",
			[]topology.Step{{Do: topology.DoOn, Node: "cp2", Arg: "systemctl start kubelet"}},
		},
		"two stopped nodes bring it back": {
			three(apiDown, on(0, stopped(4, 900), topologytest.NoKubelet), on(1, stopped(4, 890), topologytest.NoKubelet), on(2, topologytest.Leaderless)),
			topology.StateDown, "1 of 3 members runs: quorum lost; start cp1 and cp2 first: their data are whole, the quorum is back then and nothing is lost.",
			[]topology.Step{{topology.DoOn, "cp1", "systemctl start kubelet"}, {topology.DoOn, "cp2", "systemctl start kubelet"}, {Do: topology.DoStatus}},
		},
		"two that are away may bring it back": {
			three(apiDown, away(0), away(1), on(2, topologytest.Leaderless)), topology.StateDown,
			"bring cp1 and cp2 back first: if the data there are whole nothing is lost; cp3 holds revision 48211, a salvage of cp3 may lack what only cp1 and cp2 had.",
			[]topology.Step{
				{Do: topology.DoNote, Arg: "power on cp1 and cp2, then"},
				{Do: topology.DoStatus},
				{Do: topology.DoNote, Arg: "if that does not help"},
				{Do: topology.DoSave},
				{Do: topology.DoPlan},
			},
		},
		"a majority of logs, that fail to start": {
			three(apiDown, on(0, stopped(4, 890)), on(1, topologytest.Destroyed), on(2, stopped(4, 900)), snapshot), topology.StateDown,
			"cp3 holds revision 48211, a salvage of cp3 and cp1 loses nothing; snapshot X of 09:12 would lose 1,934 revisions.", nil,
		},
		"a later term wins over a longer log": {
			three(apiDown, on(0, stopped(5, 890)), on(1, topologytest.Destroyed), on(2, stopped(4, 900))), topology.StateDown,
			"a salvage of cp1 and cp3 loses nothing", nil,
		},
		"a log that ends before what it knows is committed has no vote": {
			three(apiDown, on(0, stopped(5, 890), func(r *topology.Report) { r.Data.Log.Commit = 891 }), on(1, topologytest.Destroyed), on(2, stopped(4, 900))),
			topology.StateDown, "cp3 holds revision 48211, a salvage of cp3 may lack what only cp1 and cp2 had", nil,
		},
		"one left": {
			three(apiDown, on(0, topologytest.Destroyed), on(1, topologytest.Destroyed), on(2, topologytest.Leaderless)), topology.StateDown,
			"1 of 3 members runs: quorum lost; cp3 holds revision 48211, a salvage of cp3 may lack what only cp1 and cp2 had.",
			[]topology.Step{{Do: topology.DoSave}, {Do: topology.DoPlan}},
		},
		"one damaged left": {
			three(apiDown, on(0, topologytest.Destroyed), on(1, topologytest.Destroyed), on(2, topologytest.Damaged)), topology.StateDown,
			"and its data are damaged: a salvage takes what can be read", nil,
		},
		"none left": {
			three(apiDown, on(0, topologytest.Destroyed), on(1, topologytest.Destroyed), on(2, topologytest.Destroyed), snapshot), topology.StateDown,
			"no member has data that can be read; snapshot X of 09:12 holds revision 46277: no node tells what there was.",
			[]topology.Step{{Do: topology.DoPlan, Arg: "X"}},
		},
		"all run, none leads": {
			three(apiDown, on(0, topologytest.Leaderless), on(1, topologytest.Leaderless), on(2, topologytest.Leaderless)), topology.StateDown,
			"3 of 3 members run and have no leader", nil,
		},
		"two leaders are no quorum of four": {
			func() topology.Told {
				told := topologytest.Told("cp1", "cp2", "cp3", "cp4")
				told.Answers[2].Report.Health.Leader, told.Answers[3].Report.Health.Leader = "a3", "a3"
				return told
			}(), topology.StateDown, "4 of 4 members run and have no leader", nil,
		},
		"a learner that serves does not count": {
			three(func(told *topology.Told) {
				for _, a := range told.Answers {
					for _, i := range []int{1, 2} {
						a.Report.Data.Members[i].Learner = true
					}
				}
			}), topology.StateDegraded, "1 of 1 members healthy", nil,
		},
		"unfinished on its way back": {
			three(func(told *topology.Told) {
				told.Answers[1].Runs = []topology.Run{{Name: "20261126T115500Z-1", Decision: "D", State: "going back"}}
			}), topology.StateUnfinished, "way back", []topology.Step{{Do: topology.DoRollback, Arg: "D"}},
		},
		"committed on one node": {
			three(func(told *topology.Told) {
				told.Answers[0].Runs = []topology.Run{{Name: "20261126T115500Z-1", Decision: "D", State: "unfinished"}}
				told.Answers[1].Runs = []topology.Run{{Name: "20261126T115500Z-2", Decision: "D", State: "unfinished", Committed: true}}
			}), topology.StateUnfinished, "no way back", []topology.Step{{Do: topology.DoResume, Arg: "D"}},
		},
		"at work": {
			three(func(told *topology.Told) {
				told.Answers[1].Runs = []topology.Run{{Name: "20261126T115500Z-1", State: "unfinished", Busy: true}}
			}), topology.StateUnfinished, "is at work on cp2", []topology.Step{{Do: topology.DoWatch}},
		},
		"not root": {
			three(apiDown, on(0, unseen), on(1, unseen), on(2, unseen)), topology.StateUnknown, "--ssh-sudo", nil,
		},
		"nobody": {topology.Told{Time: topologytest.Noon, Err: errors.New("no way")}, topology.StateUnknown, "No control-plane node could be asked: no way.", nil},
		"snapshot of another cluster": {
			three(func(told *topology.Told) {
				told.Snapshots = []topology.Snapshot{{Path: "X", Time: topologytest.Noon, Revision: 1, Members: []string{"ffff"}}}
			}, apiDown, on(0, topologytest.Destroyed), on(1, topologytest.Destroyed), on(2, topologytest.Leaderless)),
			topology.StateDown, "it is of another cluster, or older than its last restore", nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newPlane(t, tc.told, topology.Choice{}).Verdict
			if v.State != tc.state || !strings.Contains(v.Message, tc.text) {
				t.Errorf("%s: %s", v.State, v.Message)
			}
			if tc.steps != nil && !slices.Equal(v.Steps, tc.steps) {
				t.Errorf("steps %+v", v.Steps)
			}
		})
	}
}

// unseen is what somebody sees who is not root.
func unseen(r *topology.Report) {
	topologytest.Destroyed(r)
	r.Root = false
}

// TestExternal: such an etcd is refused with the command that helps.
func TestExternal(t *testing.T) {
	t.Parallel()
	elsewhere := func(r *topology.Report) { topologytest.External(r, "https://etcd1:2379") }
	for name, told := range map[string]topology.Told{
		"flags of the API servers": three(apiDown, on(0, elsewhere), on(1, elsewhere), on(2, elsewhere)),
		"kubeadm's configuration":  three(func(told *topology.Told) { told.Kubernetes.External = []string{"https://etcd1:2379"} }),
	} {
		c := newPlane(t, told, topology.Choice{})
		err := c.Check()
		var hinted interface{ Hint() string }
		if !errors.Is(err, topology.ErrExternal) || !errors.As(err, &hinted) || !strings.Contains(hinted.Hint(), "etcdctl-snapshot-x restore") || c.Verdict.State != topology.StateExternal {
			t.Errorf("%s: %v, %+v", name, err, c.Verdict)
		}
	}
	moved := three(apiDown, on(0, topologytest.Destroyed), on(1, topologytest.Destroyed), on(2, topologytest.Destroyed))
	for _, a := range moved.Answers { // a run has taken the manifests out
		a.Report.Etcd = topology.Etcd{Error: "no manifest"}
	}
	if urls := newPlane(t, moved, topology.Choice{}).External(); len(urls) > 0 {
		t.Errorf("stacked, and yet %v", urls)
	}
}

// TestInitialCluster: those that are left in make up the restored cluster.
func TestInitialCluster(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		told   topology.Told
		choice topology.Choice
		want   string
	}{
		"all":     {three(), topology.Choice{}, "cp1=https://10.0.0.1:2380,cp2=https://10.0.0.2:2380,cp3=https://10.0.0.3:2380"},
		"without": {three(), topology.Choice{Exclude: []string{"cp2"}}, "cp1=https://10.0.0.1:2380,cp3=https://10.0.0.3:2380"},
		"told":    {three(), topology.Choice{Members: "cp1=https://10.9.0.1:2380"}, "cp1=https://10.9.0.1:2380"},
		"manifests": {
			three(on(0, topologytest.Destroyed), on(1, topologytest.Destroyed), on(2, topologytest.Destroyed)),
			topology.Choice{},
			"cp1=https://10.0.0.1:2380,cp2=https://10.0.0.2:2380,cp3=https://10.0.0.3:2380",
		},
	} {
		if got := newPlane(t, tc.told, tc.choice).InitialCluster(); got != tc.want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// TestChoice: a wish that nothing can come of is refused.
func TestChoice(t *testing.T) {
	t.Parallel()
	for _, choice := range []topology.Choice{{Exclude: []string{"cp9"}}, {Members: "cp1"}, {Members: "cp1=10.0.0.1"}, {Members: ","}} {
		if _, err := topology.New(three(), choice); !errors.Is(err, topology.ErrChoice) {
			t.Errorf("%+v: %v", choice, err)
		}
	}
}

// A node whose API server runs cannot be left out: it would serve the old data beside the
// new (I7).
func TestExcludedServes(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		told topology.Told
		want error
	}{
		"it serves":           {three(), topology.ErrDisagree},
		"it does not":         {three(on(1, topologytest.Leaderless)), nil},
		"nothing is heard":    {three(away(1)), nil},
		"another one does so": {three(on(1, topologytest.Leaderless), on(2, topologytest.Leaderless)), nil},
	} {
		c, err := topology.New(tc.told, topology.Choice{Exclude: []string{"cp2"}})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Check(); !errors.Is(err, tc.want) {
			t.Errorf("%s: error %v, want %v", name, err, tc.want)
		}
	}
}
