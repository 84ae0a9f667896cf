// Package kubeadm knows how kubeadm lays out a control-plane node: where files
// are, what the certificates prove, what the tag of an image means, and which line
// of its configuration an upgrade takes etcd's directory from.
//
// It reads files below a root and asks nobody: it works on a node where nothing
// runs, and from a container that has the node's files elsewhere.
package kubeadm

import "errors"

var (
	// ErrCertificate is returned for a certificate that does not prove what it is
	// there to prove.
	ErrCertificate = errors.New("certificate not usable")
	// ErrVersion is returned for an image whose name does not tell its version.
	ErrVersion = errors.New("version of etcd unknown")
	// ErrConfig is returned for a configuration that is not one of kubeadm's.
	ErrConfig = errors.New("not a configuration of kubeadm")
	// ErrExternal is returned for a cluster whose etcd is not on its nodes.
	ErrExternal = errors.New("etcd is external")
)
