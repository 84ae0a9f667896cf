package etcdrestore

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/topology"
	"github.com/etcd-restore/etcd-restore/test/topologytest"
)

// TestClusterPages: one screen of 80 columns and 24 lines, whatever is broken.
func TestClusterPages(t *testing.T) {
	t.Parallel()
	refused := errors.New("https://10.0.0.100:6443: connection refused")
	noRoute := errors.New("10.0.0.2: no connection to the node: ssh: connect to host 10.0.0.2 port 22: No route to host")
	snapshots := []topology.Snapshot{{Path: "X", Time: topologytest.Noon.Add(-168 * time.Minute), Revision: 46277, Members: []string{"a1", "a2", "a3"}}}
	five := []string{"cp1", "cp2", "cp3", "cp4", "cp5"}
	three := five[:3]
	for name, tc := range map[string]struct {
		nodes  []string
		change func(*topology.Told)
		choice topology.Choice
	}{
		"healthy":      {three, func(*topology.Told) {}, topology.Choice{}},
		"healthy-five": {five, func(*topology.Told) {}, topology.Choice{}},
		"one-destroyed": {three, func(told *topology.Told) {
			topologytest.Destroyed(told.Answers[1].Report)
		}, topology.Choice{}},
		"left-out": {three, func(told *topology.Told) {
			topologytest.LeftOut(told, 2)
			told.Answers[2].Report.Data.ClusterID, told.Answers[0].Report.Data.ClusterID, told.Answers[1].Report.Data.ClusterID = "cdf818194e3a8c32", "194e2cc1e5c36f89", "194e2cc1e5c36f89"
		}, topology.Choice{}},
		"one-stopped": {three, func(told *topology.Told) {
			topologytest.Stopped(told.Answers[1].Report, 4, 900)
			topologytest.NoKubelet(told.Answers[1].Report)
		}, topology.Choice{}},
		"one-away": {three, func(told *topology.Told) {
			told.Answers[1] = topology.Answer{Host: "10.0.0.2", Err: noRoute}
			told.Kubernetes.Nodes[1].Ready = false
		}, topology.Choice{}},
		"quorum-stopped": {three, func(told *topology.Told) {
			told.Kubernetes, told.KubernetesErr = nil, refused
			topologytest.Stopped(told.Answers[0].Report, 4, 900)
			topologytest.NoKubelet(told.Answers[0].Report)
			topologytest.Stopped(told.Answers[1].Report, 4, 890)
			topologytest.NoKubelet(told.Answers[1].Report)
			topologytest.Leaderless(told.Answers[2].Report)
		}, topology.Choice{}},
		"two-destroyed": {three, func(told *topology.Told) {
			told.Kubernetes, told.KubernetesErr = nil, refused
			topologytest.Destroyed(told.Answers[0].Report)
			topologytest.Destroyed(told.Answers[1].Report)
			topologytest.Leaderless(told.Answers[2].Report)
			told.Snapshots = snapshots
		}, topology.Choice{}},
		"two-away": {three, func(told *topology.Told) {
			told.Kubernetes, told.KubernetesErr = nil, refused
			told.Answers[0] = topology.Answer{Host: "10.0.0.1", Err: errors.New("10.0.0.1: no connection to the node: ssh: connect to host 10.0.0.1 port 22: No route to host")}
			told.Answers[1] = topology.Answer{Host: "10.0.0.2", Err: noRoute}
			topologytest.Leaderless(told.Answers[2].Report)
			told.Snapshots = snapshots
		}, topology.Choice{}},
		"all-destroyed": {three, func(told *topology.Told) {
			told.Kubernetes, told.KubernetesErr = nil, refused
			for _, a := range told.Answers {
				topologytest.Destroyed(a.Report)
			}
			told.Snapshots = snapshots
		}, topology.Choice{}},
		"unfinished": {three, func(told *topology.Told) {
			told.Kubernetes, told.KubernetesErr = nil, refused
			for i := range told.Answers {
				topologytest.Stopped(told.Answers[i].Report, 4, 900)
				told.Answers[i].Runs = []topology.Run{{Name: fmt.Sprintf("20261126T115500Z-%d", i), Decision: "20261126T115400Z-4f2a", State: "unfinished", Step: "stop/etcd"}}
			}
		}, topology.Choice{}},
		"external": {three, func(told *topology.Told) {
			for _, a := range told.Answers {
				topologytest.External(a.Report, "https://etcd1.example.com:2379")
			}
			told.Kubernetes = nil
		}, topology.Choice{}},
		"nobody": {nil, func(told *topology.Told) {
			told.Kubernetes, told.KubernetesErr, told.Err = nil, refused, errNoWay
		}, topology.Choice{}},
		"hostile": {three, func(told *topology.Told) {
			const evil = "\x1b]0;owned\a\x1b[2J\u202e\r\nHEALTHY: all is well"
			r := told.Answers[1].Report
			r.Hostname, r.Etcd.Name, r.Kubelet.Error, r.Kubelet.Healthy = evil, evil, evil, false
			r.Health.Alarms = []string{evil}
			told.Answers[2] = topology.Answer{Host: evil, Err: errors.New(evil + strings.Repeat("x", 400))}
			for _, a := range told.Answers[:2] {
				a.Report.Data.Members[1].Name = evil
			}
		}, topology.Choice{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			told := topologytest.Told(tc.nodes...)
			tc.change(&told)
			plane, err := topology.New(told, tc.choice)
			if err != nil {
				t.Fatal(err)
			}
			opts := newOptions()
			opts.Program = plugin
			o := &StatusOptions{ClusterOptions: ClusterOptions{Options: opts}}
			for i := range tc.nodes {
				o.SSH = append(o.SSH, fmt.Sprintf("root@10.0.0.%d", i+1))
			}
			got := o.newClusterStatus(plane).words()
			golden(t, "../cluster/"+name, Text, got)
			fits(t, got)
			if n := strings.Count(got, "\n"); n > 24 && name != "hostile" {
				t.Errorf("%d lines", n)
			}
		})
	}
}

// TestOnNode: a command for a node goes the way that leads there.
func TestOnNode(t *testing.T) {
	t.Parallel()
	plane, err := topology.New(topologytest.Told("cp1", "cp2", "cp3"), topology.Choice{})
	if err != nil {
		t.Fatal(err)
	}
	for given, tc := range map[string]struct{ host, want string }{
		"10.0.0.2":                 {"10.0.0.2", "ssh 10.0.0.2 reboot"},
		"root@10.0.0.2":            {"10.0.0.2", "ssh root@10.0.0.2 reboot"},
		"ssh://root@10.0.0.2:2201": {"10.0.0.2:2201", "ssh ssh://root@10.0.0.2:2201 reboot"},
		"ssh://root@10.0.0.2:2202": {"10.0.0.2:2201", "reboot  # on cp2"},
		"root@10.0.0.9":            {"10.0.0.2", "reboot  # on cp2"},
	} {
		o := &StatusOptions{ClusterOptions: ClusterOptions{Options: newOptions(), SSH: []string{"root@10.0.0.1", given}}}
		n := *plane.Node("cp2")
		n.Host = tc.host
		if got := o.on(&n, "reboot"); got != tc.want {
			t.Errorf("%s: %q, want %q", given, got, tc.want)
		}
	}
}

// TestFindingStaysWhole: what is to be pasted is not cut, and not broken, however much
// there is to say about a node.
func TestFindingStaysWhole(t *testing.T) {
	t.Parallel()
	name := "control-plane-3." + strings.Repeat("x", 30) + ".example.com"
	for _, words := range []int{1, 3, 9, 40} {
		resolve := strings.Repeat("do this or that, ", words) + "or leave it out with --exclude-node " + name
		s := clusterStatus{ControlPlane: &topology.ControlPlane{Findings: []topology.Finding{{
			Kind: topology.ClusterOther, Message: strings.Repeat("the data are of another cluster ", words), Resolve: resolve,
		}}}}
		var p page
		s.findingWords(&p)
		fits(t, p.String())
		if !strings.Contains(p.String(), "--exclude-node "+name+"\n") {
			t.Errorf("%d:\n%s", words, &p)
		}
	}
	var p page
	p.way("    ", "leave it out with --exclude-node "+strings.Repeat("x", 2*columns))
	if !strings.HasSuffix(p.String(), "\n    --exclude-node "+strings.Repeat("x", 2*columns)+"\n") {
		t.Errorf("cut or broken:\n%s", &p)
	}
}
