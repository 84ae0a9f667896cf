// Package staticpod reads the static pods of a node, finds out where etcd keeps
// its data, and lets it keep them elsewhere.
//
// Every file in the kubelet's folder is a pod, whatever its name, unless that
// begins with a dot: a backup of etcd.yaml beside it is a second etcd. [Read]
// therefore reads all of them and [Folder.Findings] tells what does not belong.
//
// What etcd is told stands in flags and in its environment ([Container.EtcdFlags]);
// which of the node's directories that means is a matter of mounts and volumes
// ([Manifest.Storage]). To move the data, one value changes: the hostPath.path of
// the volume that holds them. [Manifest.Apply] puts it into the text and leaves
// every other byte as it was.
//
// Nothing here writes: a manifest that is put back must be renamed in, and to do
// that at the right moment is the caller's business.
package staticpod

import "errors"

// Errors of a manifest as such.
var (
	// ErrManifest is returned for a file that the kubelet cannot run, or that it
	// could understand differently from us.
	ErrManifest = errors.New("not a manifest of a pod")
	// ErrNoEtcd is returned when no pod runs etcd.
	ErrNoEtcd = errors.New("no etcd found")
	// ErrSeveral is returned when several files claim to be the same pod.
	ErrSeveral = errors.New("more than one manifest")
)

// Errors of etcd's flags.
var (
	// ErrWrapped is returned for a container that starts its program through
	// something else, so that the flags are not in the manifest.
	ErrWrapped = errors.New("started by another program")
	// ErrConfigFile is returned for an etcd that reads its configuration from a
	// file: it ignores all flags then.
	ErrConfigFile = errors.New("etcd is configured by a file")
	// ErrUnknown is returned for a flag whose value only the running pod knows.
	ErrUnknown = errors.New("value is not in the manifest")
)

// Errors of where the data are.
var (
	// ErrNotOnHost is returned for a directory that is not one of the node's.
	ErrNotOnHost = errors.New("directory is not on the node")
	// ErrBelow is returned when the directory is only a part of what its volume
	// brings in, and the new one does not lie the same way in another.
	ErrBelow = errors.New("directory is a part of a larger volume")
	// ErrShared is returned when something else uses the volume as well, and
	// would move along.
	ErrShared = errors.New("volume has other uses")
	// ErrChanged is returned when a manifest does not say what it is expected to.
	ErrChanged = errors.New("manifest has changed")
)
