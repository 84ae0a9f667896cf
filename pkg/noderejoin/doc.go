// Package noderejoin brings the etcd of the control-plane node that it runs on into a
// cluster that lives: one that it was left out of, or fell out of.
//
// It does what kubeadm join does, on a node that has been joined before. Phases:
//
//	stage    the manifests are kept
//	stop     manifests out, containers ended, and the proof that they are (I6)
//	join     a fresh data directory; a learner in the cluster, in the place of a member
//	         that was here; etcd, until it has all the data; its vote, which is the
//	         commit point
//	start    API server and controllers, which have nothing but the cluster's data to
//	         serve now
//	verify   ready
//
// The old data stay: beside the new ones, or moved aside where these must have the name
// that kubeadm knows. The cluster is asked with the certificates of this node, as
// kubeadm does, so that the work needs nobody else once it has begun.
package noderejoin

import "errors"

var (
	// ErrPlan is returned for what is no plan of a rejoin.
	ErrPlan = errors.New("not a plan to rejoin")
	// ErrMember is returned for a node whose etcd serves in the cluster already.
	ErrMember = errors.New("already a member that serves")
	// ErrNode is returned for a node that could not do its part.
	ErrNode = errors.New("the node cannot rejoin now")
	// ErrCluster is returned when no member of the cluster to join answers as it should.
	ErrCluster = errors.New("no member of the cluster to rejoin answers")
	// ErrEtcd is returned when etcd does not come to serve in the cluster.
	ErrEtcd = errors.New("etcd does not serve in the cluster")
	// ErrFinished is returned for a run that is over.
	ErrFinished = errors.New("nothing is left to do")
)
