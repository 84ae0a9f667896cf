package apiserver

import "errors"

// Errors of getting through to an API server.
var (
	// ErrCredentials is returned for a kubeconfig that cannot be used, one whose
	// certificate has expired, and one that the API server does not know.
	ErrCredentials = errors.New("credentials not usable")
	// ErrForbidden is returned when the API server knows us and does not let us.
	ErrForbidden = errors.New("forbidden")
	// ErrCertificate is returned when the API server's certificate is not believed.
	ErrCertificate = errors.New("certificate of the API server")
	// ErrUnreachable is returned when no answer comes.
	ErrUnreachable = errors.New("API server unreachable")
	// ErrAddress is returned when a manifest does not tell where its API server
	// listens.
	ErrAddress = errors.New("address of the API server unknown")
)

// Errors of what an API server says after a restore.
var (
	// ErrNotReady is returned for an API server that answers, but not that it is
	// ready.
	ErrNotReady = errors.New("API server not ready")
	// ErrNotCompacted is returned when a revision of the old cluster can still be
	// read or watched.
	ErrNotCompacted = errors.New("revision is not compacted")
	// ErrRevision is returned for a revision that proves nothing, whether it is
	// compacted or not.
	ErrRevision = errors.New("revision is not one before the restore")
	// ErrNoConfig is returned when the cluster has no configuration of kubeadm.
	ErrNoConfig = errors.New("no configuration of kubeadm in the cluster")
	// ErrConflict is returned when others change an object again and again.
	ErrConflict = errors.New("object keeps changing")
	// ErrStale is returned when the kubernetes Service leads to addresses where no
	// API server answers.
	ErrStale = errors.New("stale endpoints of the kubernetes Service")
)
