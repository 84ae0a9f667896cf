// Package node finds out what is on this control-plane node without any API
// server: its manifests, etcd and its data, the kubelet, certificates, the runs
// of earlier restores.
//
//	facts := node.Look(ctx, node.Config{})
//	if facts.Data.Err != nil { ... }
//
// Nothing is changed, and nothing fails as a whole: on the worst day of a cluster
// some of it is broken, so that every part has an error of its own. What can hang
// is asked with a limit.
package node
