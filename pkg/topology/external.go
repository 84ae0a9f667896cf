package topology

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// External are the client URLs of an etcd that does not run on the control-plane nodes,
// none if it does.
func (c *ControlPlane) External() []string {
	if c.Kubernetes != nil && len(c.Kubernetes.External) > 0 {
		return c.Kubernetes.External
	}
	var elsewhere []string
	for _, n := range c.Nodes {
		if n.Report == nil {
			continue
		}
		if n.Report.Etcd.Error == "" || n.Report.Data.DBSize > 0 {
			return nil
		}
		for _, u := range n.Report.APIServer.EtcdServers {
			if !c.here(u) {
				elsewhere = append(elsewhere, u)
			}
		}
	}
	slices.Sort(elsewhere)
	return slices.Compact(elsewhere)
}

// here reports whether a URL may be one of the nodes'.
func (c *ControlPlane) here(raw string) bool {
	u, err := url.Parse(raw)
	if err != nil {
		return true
	}
	host := u.Hostname()
	if ip, err := netip.ParseAddr(host); host == "localhost" || err == nil && ip.IsLoopback() {
		return true
	}
	return slices.ContainsFunc(c.Nodes, func(n Node) bool {
		return n.Name == host || n.Host == host || n.Report != nil && n.Report.Hostname == host
	})
}

func (c *ControlPlane) findExternal() {
	urls := c.External()
	if len(urls) == 0 {
		return
	}
	c.add(EtcdExternal, nil, true,
		"restore it on its own hosts: etcdctl-snapshot-x restore SNAPSHOT --all-members --initial-cluster NAME=URL,... there, with the API servers stopped",
		"the API servers use etcd at %s", strings.Join(urls, ","))
}
