package main

import (
	"testing"

	"github.com/etcd-restore/etcd-restore/pkg/node"
)

// facts are what a restore takes from the manifests of a node.
type facts struct {
	Name, InitialCluster, State  string
	Peer, Client                 []string
	ListenPeer, ListenClient     []string
	Image, Version               string
	Quota                        int64
	Data, Volume                 string
	EtcdServers                  []string
	LocalServer, Encryption, WAL string
}

// wanted are the facts of each shape, of a minor version.
func wanted(minor string) map[string]facts {
	etcd := map[string]string{"v1.34": "3.6.5", "v1.35": "3.6.6", "v1.36": "3.6.8", "v1.37": "3.7.0"}[minor]
	plain := facts{
		Name: "cp1", InitialCluster: "cp1=https://10.99.0.11:2380", State: "new",
		Peer: []string{"https://10.99.0.11:2380"}, ListenPeer: []string{"https://10.99.0.11:2380"},
		Client: []string{"https://10.99.0.11:2379"}, ListenClient: []string{"https://127.0.0.1:2379", "https://10.99.0.11:2379"},
		Image: "registry.k8s.io/etcd:" + etcd + "-0", Version: etcd, Quota: 2 << 30,
		Data: "/var/lib/etcd", Volume: "etcd-data",
		EtcdServers: []string{"https://127.0.0.1:2379"}, LocalServer: "https://10.99.0.11:6443",
	}
	custom := plain
	custom.Name, custom.InitialCluster = "cp1.example.org", "cp1.example.org=https://10.99.0.11:2380"
	custom.Client = []string{"https://10.99.0.11:2379", "https://etcd1.example.org:2379"}
	custom.Image, custom.Quota = "registry.example.org:5000/mirror/etcd:"+etcd+"-0", 8<<30
	custom.Data = "/mnt/etcd/data"
	custom.EtcdServers = custom.Client // kubeadm lets the API server follow them
	custom.LocalServer, custom.Encryption = "https://10.99.0.11:7443", "/srv/encryption/config.yaml"
	ipv6 := plain
	ipv6.InitialCluster = "cp1=https://[fd00:10:99::11]:2380"
	ipv6.Peer, ipv6.ListenPeer = []string{"https://[fd00:10:99::11]:2380"}, []string{"https://[fd00:10:99::11]:2380"}
	ipv6.Client, ipv6.ListenClient = []string{"https://[fd00:10:99::11]:2379"}, []string{"https://[::1]:2379", "https://[fd00:10:99::11]:2379"}
	ipv6.EtcdServers, ipv6.LocalServer = []string{"https://[::1]:2379"}, "https://[fd00:10:99::11]:6443"
	return map[string]facts{"plain": plain, "custom": custom, "ipv6": ipv6}
}

// factsOf fails for anything that etcd's manifest does not tell.
func factsOf(t *testing.T, e node.Etcd) facts {
	t.Helper()
	for _, err := range []error{e.Err, e.VersionErr, e.FlagsErr, e.StorageErr} {
		if err != nil {
			t.Fatal(err)
		}
	}
	state, err := e.Flags.Get("initial-cluster-state")
	if err != nil {
		t.Fatal(err)
	}
	f := facts{
		Name: e.Name, InitialCluster: e.InitialCluster, State: state.Value,
		Peer: e.PeerURLs, Client: e.ClientURLs, ListenPeer: e.ListenPeerURLs, ListenClient: e.ListenClientURLs,
		Image: e.Container.Image, Version: e.Version.String(), Quota: e.Quota,
		Data: e.Storage.Data.HostPath(), Volume: e.Storage.Data.Volume,
	}
	if e.Storage.WAL != nil {
		f.WAL = e.Storage.WAL.HostPath()
	}
	return f
}
