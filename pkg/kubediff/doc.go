// Package kubediff compares the Kubernetes objects of a snapshot with those of another
// state of the cluster: what a restore of the snapshot would bring back, remove and
// change.
//
// Most of the objects of two states of one cluster are the same, and are not looked at:
// a key with the same revisions on both sides holds the same value, since no etcd writes
// two values at one revision. What is left is compared as it is stored, and only what
// differs there is decoded, if anybody wants to see how.
package kubediff
