package etcdclient

import "errors"

// Errors before and while talking to a member.
var (
	// ErrCertificate is returned when a certificate or key file cannot be
	// used, or when one end of a TLS connection turns the other's down.
	ErrCertificate = errors.New("certificate")
	// ErrUnreachable is returned when no answer comes from an endpoint.
	ErrUnreachable = errors.New("unreachable")
	// ErrDenied is returned when the member knows us not, or not well enough.
	ErrDenied = errors.New("denied")
)

// Errors of the choice of a member.
var (
	// ErrLearner is returned when only learners could give a snapshot: they
	// may be far behind.
	ErrLearner = errors.New("only learners answer")
	// ErrDifferentClusters is returned when the endpoints belong to more than
	// one cluster, whose revisions cannot be compared.
	ErrDifferentClusters = errors.New("endpoints of different clusters")
)

// Errors of a snapshot stream.
var (
	// ErrStalled is returned when a member sends nothing for too long.
	ErrStalled = errors.New("snapshot stream stalled")
	// ErrBroken is returned when the stream is not a whole snapshot: bytes
	// are missing, or the digest at its end is.
	ErrBroken = errors.New("snapshot stream broken")
	// ErrDigest is returned when the bytes are not those the member hashed.
	ErrDigest = errors.New("snapshot does not match its SHA-256")
)
