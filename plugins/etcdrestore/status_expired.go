package etcdrestore

import (
	"fmt"
	"strings"

	"github.com/etcd-restore/etcd-restore/pkg/node"
	"github.com/etcd-restore/etcd-restore/pkg/topology"
)

// expired is for the day on which a cluster is a year old: etcd or the API server is not
// believed any more, and nothing has to be restored.
func (j judgement) expired() (verdict, bool) {
	old := j.old()
	serves := topology.Serves(j.Live)
	api := topology.ContainerOf(j.Runtime.Pods, topology.Components()[1])
	switch {
	case len(old) == 0:
		return verdict{}, false
	case serves && api != nil && api.State == "running": // nobody is in trouble yet
		return verdict{}, false
	case !serves && !j.Data.Running && !j.readable(): // that is worse
		return verdict{}, false
	}
	v := verdict{State: stateDown, Next: append(j.renew(old),
		"pkill -f '^(etcd|kube-apiserver|kube-controller-manager|kube-scheduler) '", "systemctl restart kubelet")}
	is := "etcd is"
	if serves {
		v.State, is = stateDegraded, "etcd serves, and the API server is"
	}
	v.Message = fmt.Sprintf("%s not believed: %s expired, %s on %s. The data are not harmed: renew, and nothing has to be restored.",
		is, count(len(old), "certificate")+have(len(old)), old[0].Name, old[0].Certificate.Leaf.NotAfter.UTC().Format("2006-01-02 15:04 MST"))
	return v, true
}

func have(n int) string {
	if n == 1 {
		return " has"
	}
	return " have"
}

// old are the certificates that are not in force any more.
func (j judgement) old() (old []node.Certificate) {
	for _, c := range j.Certificates {
		if c.Certificate != nil && j.Time.After(c.Certificate.Leaf.NotAfter) {
			old = append(old, c)
		}
	}
	return old
}

// renew is how to get others.
func (j judgement) renew(old []node.Certificate) []string {
	if len(old) > 1 {
		return []string{"kubeadm certs renew all"}
	}
	return []string{j.command(old[0].Bad)}
}

// command is what to run because of an error of a certificate.
func (j judgement) command(err error) string {
	if command, is := strings.CutPrefix(hintOf(err), "run "); is {
		return command
	}
	return "kubeadm certs check-expiration"
}
