// Package lab is the kubeadm cluster of test/lab for tests: brought up, its nodes
// worked on and broken, and deleted again.
//
//	l := lab.Up(t, lab.Options{})
//	node := l.Node(1)
//	node.Snapshot(t, "/root/snap.db")
//	result := node.Run(t, "kubectl-etcd_restore", "node", "run", "/root/snap.db", "--yes")
//
// Up starts over what an earlier test left, or one that was killed. At the end of a
// test the cluster is deleted; with E2E_KEEP=1 it stays. When the test failed, the
// nodes' logs are kept in a folder below E2E_LOGS (the system's folder for temporary
// files), which is printed. LAB_NUMBER is the first number that may be taken, each
// cluster has one of its own; ETCD is that of test/lab/lab.
//
// It needs root and Linux, and what docs/development.md says of the lab. Nothing here
// waits without an end, and nothing sleeps in the hope that it was long enough.
package lab
