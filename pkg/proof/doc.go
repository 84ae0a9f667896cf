// Package proof shows that a control plane is whole after a restore, or what of it is
// not.
//
// Each node gathers Facts with its own certificates; what they come to is reckoned from
// the facts of all nodes together, wherever they are:
//
//	facts := proof.Gather(ctx, …)             on every node
//	report := proof.Evaluate(facts, scope)    anywhere
//
// What could not be asked is unknown, and that is not good.
package proof

import "errors"

var (
	// ErrFailed is returned when something is not as it should be.
	ErrFailed = errors.New("the control plane is not whole")
	// ErrUnknown is returned when nothing is known to be wrong, and not all could be asked.
	ErrUnknown = errors.New("not everything could be checked")
)
