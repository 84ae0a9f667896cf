// Package topology is a whole control plane, as its nodes tell of it.
//
// A Report is what one node tells: the form of `node status -o json`, which says for each
// thing what is known, and beside it why no more is. New puts the reports of all nodes
// together with what Kubernetes says, if an API server answers, and with what etcd's own
// list of members says. Where the three disagree there is a Finding, and how to resolve
// it; the Verdict is what it all comes to:
//
//	c, err := topology.New(topology.Told{Answers: answers, Kubernetes: kube}, topology.Choice{})
//	c.Verdict.Message // 2 of 3 members healthy: no restore needed. ...
//	err = c.Check()   // what has to be resolved before a restore begins
//
// New asks nobody: it is a function of what was told.
package topology

import "errors"

var (
	// ErrDisagree is returned when a restore cannot begin, since it is not clear which
	// nodes and members the cluster has.
	ErrDisagree = errors.New("it is not clear who belongs to the control plane")
	// ErrExternal is returned for an etcd that is not on the control-plane nodes.
	ErrExternal = errors.New("etcd is external: it does not run on the control-plane nodes")
	// ErrChoice is returned for wishes that nothing can come of.
	ErrChoice = errors.New("invalid choice of nodes")
)
