package lab

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// Observer is an address of this machine that no fault of the network is about: what
// looks at the nodes from there sees them through it all.
func (l *Lab) Observer(t etcdtest.T) string {
	t.Helper()
	number := l.number(t)
	address := "10.89." + number + ".2"
	l.Host(t, time.Minute, "ip addr replace "+address+"/24 dev lab"+number)
	return address
}

// Cut drops every packet between the node and the other nodes, in both directions.
// Nothing is refused: it is silent, as a broken switch is.
func (n *Node) Cut(t etcdtest.T) {
	t.Helper()
	n.cut(t, n.others(t))
}

// CutAll is Cut, and between the node and the workstations, where the balancer is, too.
func (n *Node) CutAll(t etcdtest.T) {
	t.Helper()
	n.cut(t, append(n.others(t), "10.89."+n.lab.number(t)+".1"))
}

func (n *Node) others(t etcdtest.T) (addresses []string) {
	for _, other := range n.lab.nodes {
		if other != n {
			addresses = append(addresses, other.Address(t))
		}
	}
	return addresses
}

// cut keeps its rules in a chain of its own: the node has others.
func (n *Node) cut(t etcdtest.T, from []string) {
	t.Helper()
	n.iptables(t, `-N CUT
		-I INPUT -j CUT
		-I OUTPUT -j CUT`)
	for _, address := range from {
		n.iptables(t, fmt.Sprintf("-A CUT -s %[1]s -j DROP\n-A CUT -d %[1]s -j DROP", address))
	}
	n.isCut = true
	t.Cleanup(func() {
		if n.isCut { // the test has failed, and others may follow
			n.Heal(endless{t})
		}
	})
}

// endless is for what has to be done when a test is over.
type endless struct{ etcdtest.T }

func (e endless) Context() context.Context { return context.WithoutCancel(e.T.Context()) }

// Heal ends what Cut or CutAll began.
func (n *Node) Heal(t etcdtest.T) {
	t.Helper()
	n.iptables(t, `-D INPUT -j CUT
		-D OUTPUT -j CUT
		-F CUT
		-X CUT`)
	n.isCut = false
}

// Slow lets no more than so many bits a second through to the node.
func (n *Node) Slow(t etcdtest.T, rate string) {
	t.Helper()
	n.lab.Host(t, time.Minute, "tc qdisc replace dev "+n.link(t)+" root tbf rate "+rate+" burst 64k latency 100ms")
}

// Fast ends what Slow began.
func (n *Node) Fast(t etcdtest.T) {
	t.Helper()
	n.lab.Host(t, time.Minute, "tc qdisc del dev "+n.link(t)+" root")
}

// link is the name of the node's network namespace, and of the end of its cable here.
func (n *Node) link(t etcdtest.T) string { return "lab" + n.lab.number(t) + "-" + n.Name }

// iptables works on the node's network from outside, whether the node is on or off.
func (n *Node) iptables(t etcdtest.T, commands string) {
	t.Helper()
	for line := range strings.Lines(commands) {
		args := append([]string{"netns", "exec", n.link(t), "iptables", "-w"}, strings.Fields(line)...)
		if out, err := exec.CommandContext(t.Context(), "ip", args...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

func (l *Lab) number(t etcdtest.T) string {
	t.Helper()
	number, err := os.ReadFile(filepath.Join(l.dir, "number"))
	if err != nil {
		t.Fatalf("%v", err)
	}
	return strings.TrimSpace(string(number))
}
