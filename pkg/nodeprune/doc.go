// Package nodeprune removes what old runs have kept on a node: the data directories that
// restores and rejoins have left aside, snapshots that were made of them, and the runs
// themselves.
//
// Nothing is removed that somebody has not asked for by now knowing what it is (I3):
// Find only tells, with reasons for what stays whatever is asked:
//
//   - what no plan of a finished run names;
//   - the directories of etcd as it runs, and what they lie in;
//   - what a run that is not finished names;
//   - the old data of the newest run, unless that is named;
//   - the newest run, which knows how far the revisions had come.
package nodeprune

import "errors"

// ErrInUse is returned for a directory that cannot be removed now.
var ErrInUse = errors.New("in use")

// Kind is what an item is.
type Kind string

// The kinds.
const (
	Data     Kind = "data"     // a data directory of etcd
	Log      Kind = "log"      // of one that had it elsewhere
	Snapshot Kind = "snapshot" // made of old data
	Run      Kind = "run"      // plan, journal, and manifests as they were
)

// Item is something that is kept.
type Item struct {
	Kind Kind   `json:"kind"`
	Run  string `json:"run"` // whose it is
	Path string `json:"path"`
	Size int64  `json:"size"`           // bytes of the files
	Keep string `json:"keep,omitempty"` // why it stays, "" if it may go
}
