//go:build ignore

// Joined writes the manifest of an etcd that joins two others: that of the node that a
// configuration names, cp1. It is built in the module of each version of Kubernetes.
package main

import (
	"fmt"
	"os"

	"k8s.io/kubernetes/cmd/kubeadm/app/phases/etcd"
	"k8s.io/kubernetes/cmd/kubeadm/app/util/config"
	etcdutil "k8s.io/kubernetes/cmd/kubeadm/app/util/etcd"
	"k8s.io/kubernetes/cmd/kubeadm/app/util/staticpod"
)

func main() {
	if err := write(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "joined:", err)
		os.Exit(1)
	}
}

func write(file, dir string) error {
	c, err := config.LoadInitConfigurationFromFile(file, config.LoadOrDefaultConfigurationOptions{SkipCRIDetect: true})
	if err != nil {
		return err
	}
	// As etcd lists them, by ID and not by name, the new one among them.
	members := []etcdutil.Member{
		{Name: "cp3", PeerURL: "https://cp3.example.org:2380"},
		{Name: c.NodeRegistration.Name, PeerURL: etcdutil.GetPeerURL(&c.LocalAPIEndpoint)},
		{Name: "cp2", PeerURL: "https://cp2.example.org:2380"},
	}
	pod := etcd.GetEtcdPodSpec(&c.ClusterConfiguration, &c.LocalAPIEndpoint, c.NodeRegistration.Name, members)
	return staticpod.WriteStaticPodToDisk("etcd", dir, pod)
}
