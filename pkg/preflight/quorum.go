package preflight

import (
	"fmt"
	"strings"
)

// OldVoters are those of one membership that the old cluster can have had, beside a plan
// (invariant I6).
type OldVoters struct {
	Source  string   // who says so
	All     int      // how many they are
	Running []string // that are not in the plan, and not vouched for: nothing is known of them
	Planned int      // that are on the machines of new members
	Members int      // of the new cluster
}

// MayGoBack is how many of the old voters can be on their way back, cut off from the rest,
// while a quorum of the new cluster commits without them.
func (v OldVoters) MayGoBack() int {
	return min(v.Planned, v.Members-(v.Members/2+1))
}

// Check fails with ErrTwoQuorums where they can go on by themselves, beside the new cluster.
func (v OldVoters) Check() error {
	quorum, back, names := v.All/2+1, v.MayGoBack(), strings.Join(v.Running, ", ")
	switch {
	case len(v.Running) == 0: // the rest are stopped before any new member starts
		return nil
	case len(v.Running) >= quorum:
		return fmt.Errorf("%w: %s of its %d voters, as %s has them, are not in the plan, and %d are enough to serve the old data beside the new",
			ErrTwoQuorums, names, v.All, v.Source, quorum)
	case len(v.Running)+back >= quorum:
		return fmt.Errorf("%w: %s of its %d voters, as %s has them, are not in the plan; with %d more, which the new cluster can do without, and which may have to go back alone, they would be enough to serve the old data beside the new",
			ErrTwoQuorums, names, v.All, v.Source, back)
	}
	return nil
}
