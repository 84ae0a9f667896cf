package snapshotx

import "github.com/etcd-restore/etcd-restore/pkg/snapshot"

// stdin is the file name that means standard input.
const stdin = "-"

// openSnapshot opens the file named on the command line to be looked into.
func openSnapshot(streams Streams, name string) (*snapshot.File, error) {
	if name == stdin {
		return snapshot.Spool("standard input", streams.In)
	}
	return snapshot.Open(name)
}
