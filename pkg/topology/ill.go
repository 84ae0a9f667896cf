package topology

import (
	"fmt"
	"strings"
)

// fullAt is the part of the quota from which on a person should do something.
const fullAt = 0.9

// findIll names what is wrong on a node besides its member.
func (c *ControlPlane) findIll(n *Node) {
	r := n.Report
	if r == nil || n.Excluded {
		return
	}
	ill := func(command, format string, args ...any) {
		c.Findings = append(c.Findings, Finding{Kind: NodeUnhealthy, Node: n.Name, Message: fmt.Sprintf(format, args...), Command: command})
	}
	if len(r.Health.Alarms) > 0 && n.State != NoLeader { // etcd calls that an error, too
		ill("", "%s has raised the alarm %s", n.Name, strings.Join(r.Health.Alarms, ", "))
	}
	switch {
	case !r.Kubelet.Running:
		ill("systemctl start kubelet", "the kubelet on %s does not run", n.Name)
	case !r.Kubelet.Healthy:
		ill("journalctl -u kubelet -n 50", "the kubelet on %s does not work: %s", n.Name, r.Kubelet.Error)
	}
	if r.Runtime.Error != "" {
		ill("systemctl status containerd", "the containers on %s cannot be seen: %s", n.Name, r.Runtime.Error)
	}
	if r.Runtime.Error == "" && n.State == Serving { // without etcd none of them can run
		for _, component := range Components()[1:] {
			if k := r.container(component); k == nil || k.State != "running" {
				ill(r.logs(component), "%s does not run on %s", component, n.Name)
			}
		}
	}
	for _, k := range r.Certificates {
		if k.State == "bad" {
			ill("kubeadm certs check-expiration", "%s: %s", n.Name, k.Error)
		}
	}
	if r.Data.QuotaUse > fullAt {
		ill("", "the database on %s has %d %% of its quota: when that is used up etcd takes no more writes", n.Name, int(100*r.Data.QuotaUse))
	}
	for _, s := range r.Manifests.Stray {
		ill("", "%s on %s is in the way: %s", r.Manifests.Path+"/"+s.File, n.Name, s.Detail)
	}
}

// container is the newest of a component, nil if there is none.
func (r *Report) container(component string) *Container {
	for _, c := range r.Manifests.Components {
		if c.Name == component {
			return c.Container
		}
	}
	return nil
}

// logs shows why a component does not run.
func (r *Report) logs(component string) string {
	if c := r.container(component); c != nil {
		return fmt.Sprintf("crictl logs --tail 30 %.13s", c.ID)
	}
	return "journalctl -u kubelet -n 50"
}
