package etcdrestore

import (
	"testing"

	"github.com/etcd-restore/etcd-restore/pkg/topology"
)

// TestRejoinCommand: what is printed leads to the node that it is about, too.
func TestRejoinCommand(t *testing.T) {
	t.Parallel()
	at := &topology.Member{Name: "cp3", PeerURLs: []string{"https://10.0.0.3:2380"}}
	for name, tc := range map[string]struct {
		ssh   []string
		local bool
		node  *topology.Node
		want  string
	}{
		"helper pods":        {nil, false, &topology.Node{Name: "cp3"}, "x rejoin cp3"},
		"given":              {[]string{"root@cp1", "root@10.0.0.3"}, false, &topology.Node{Name: "cp3", Host: "10.0.0.3"}, "x rejoin cp3 --ssh root@cp1 --ssh root@10.0.0.3"},
		"by its peer URL":    {[]string{"root@cp1"}, false, &topology.Node{Name: "cp3", Member: at}, "x rejoin cp3 --ssh root@cp1 --ssh root@10.0.0.3"},
		"given, and is down": {[]string{"root@cp1", "root@10.0.0.3"}, false, &topology.Node{Name: "cp3", Member: at}, "x rejoin cp3 --ssh root@cp1 --ssh root@10.0.0.3"},
		"no user":            {[]string{"cp1"}, false, &topology.Node{Name: "cp3", Member: at}, "x rejoin cp3 --ssh cp1 --ssh 10.0.0.3"},
		"no member":          {[]string{"cp1"}, false, &topology.Node{Name: "cp3"}, "x rejoin cp3 --ssh cp1 --ssh [USER@]HOST"},
		"nothing known":      {[]string{"cp1"}, false, nil, "x rejoin cp3 --ssh cp1 --ssh [USER@]HOST"},
		"this machine":       {[]string{"cp1"}, true, &topology.Node{Name: "cp3", Host: "here"}, "x rejoin cp3 --local --ssh cp1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := &ClusterOptions{Options: newOptions(), SSH: tc.ssh, Local: tc.local}
			o.Program = "x"
			plane := &topology.ControlPlane{}
			if tc.node != nil {
				plane.Nodes = append(plane.Nodes, *tc.node)
			}
			if got := o.rejoin(plane, "cp3"); got != tc.want {
				t.Errorf("%s, want %s", got, tc.want)
			}
		})
	}
	o := &ClusterOptions{Options: newOptions(), SSH: []string{"cp1"}}
	o.Program = "x"
	if got := o.rejoin(nil, "cp3"); got != "x rejoin cp3 --ssh cp1 --ssh [USER@]HOST" {
		t.Errorf("without a survey: %s", got)
	}
}

func TestLead(t *testing.T) {
	t.Parallel()
	o := &ClusterOptions{Options: newOptions(), SSH: []string{"root@cp1"}}
	o.Program = "kubectl etcd-restore"
	for advice, want := range map[string]string{
		"": "", "look at it": "look at it",
		"go on with it: kubectl etcd-restore resume":      "go on with it: kubectl etcd-restore resume --ssh root@cp1",
		"bring it in: kubectl etcd-restore rejoin 'cp 3'": "bring it in: kubectl etcd-restore rejoin 'cp 3' --ssh root@cp1",
	} {
		if got := o.lead(advice); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
