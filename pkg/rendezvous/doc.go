// Package rendezvous lets the nodes of one restore meet while neither etcd nor an
// API server runs: each tells the others how far it is, at the address where its
// etcd will serve its peers and with the certificates that it will serve them with.
//
//	l, err := rendezvous.Listen("10.0.0.11:2380", files)
//	go l.Serve(ctx, func() rendezvous.State { … })
//	c, err := rendezvous.NewClient(files)
//	err = c.Wait(ctx, peers, func(answers []rendezvous.Answer) (bool, error) { … })
//
// Both ends demand a certificate of etcd's authority. Whoever answers at an address
// has one that names that address; whoever asks may be any client of etcd, who
// learns nothing but the State. What is told is the word of a node about itself: a
// barrier is as good as the proofs that a node has of what it says, and one that
// does not answer has said nothing.
//
// A node that is through has given the address to its new etcd. Ask recognises that
// by the ID of the cluster, which any etcd tells its peers.
package rendezvous

import "errors"

var (
	// ErrCertificate is returned for certificate files that cannot be used.
	ErrCertificate = errors.New("certificates of etcd not usable")
	// ErrListen is returned when the address is not free, or not one of this node.
	ErrListen = errors.New("cannot listen for the other nodes")
	// ErrAddress is returned for a peer URL that is none.
	ErrAddress = errors.New("not a peer URL")
	// ErrUnreachable is returned when no answer comes from a node.
	ErrUnreachable = errors.New("node does not answer")
	// ErrUntrusted is returned when one of the two ends does not believe the other's
	// certificate.
	ErrUntrusted = errors.New("certificate is not believed")
	// ErrStranger is returned for an answer that is neither a state nor etcd's.
	ErrStranger = errors.New("neither a restore nor etcd answers")
	// ErrBarrier is returned when a wait ends before the nodes have met.
	ErrBarrier = errors.New("the nodes have not met")
)
