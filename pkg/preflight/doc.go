// Package preflight looks for what would make a restore of this control-plane node
// fail or do harm, before anything is touched.
//
// Each check has a name, one worry, and a section in docs/preflight.md. All of them
// run, so that a person hears of everything at once:
//
//	report, err := preflight.Evaluate(ctx, preflight.Checks(request), ignore)
//
// An error can be ignored by the name of its check, unless to go on would corrupt
// what the restore is there to save. Nothing is written; what is read of the node
// comes from package node.
package preflight

import "errors"

var (
	// ErrPreflight is returned when a check failed.
	ErrPreflight = errors.New("preflight checks failed")
	// ErrIgnore is returned when a check is to be ignored that does not exist or
	// that cannot be ignored.
	ErrIgnore = errors.New("invalid name of a check to ignore")

	// ErrNode is returned, within ErrPreflight, for a node that is not as a restore
	// needs it.
	ErrNode = errors.New("node is not ready")
	// ErrMembers is returned, within ErrPreflight, when what the manifest, the plan
	// and the old cluster say of the members does not fit together.
	ErrMembers = errors.New("members do not fit together")
	// ErrTwoQuorums is returned, within ErrPreflight, when the old cluster could go
	// on beside the new one (invariant I6).
	ErrTwoQuorums = errors.New("the old cluster could go on")
	// ErrVersion is returned, within ErrPreflight, for an etcd that cannot serve
	// what would be restored.
	ErrVersion = errors.New("version of etcd does not fit")
	// ErrQuota is returned, within ErrPreflight, for a snapshot that etcd's quota
	// has no room for.
	ErrQuota = errors.New("the snapshot is too large for etcd's quota")
)
