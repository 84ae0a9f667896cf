package topology

// State is how it is with the member on a node.
type State string

// The states, from good to bad.
const (
	Serving   State = "serves"
	NoLeader  State = "no leader"   // it runs, and too few others do
	Hanging   State = "hangs"       // an etcd runs on the data and does not answer
	Stopped   State = "stopped"     // its data are whole
	Damaged   State = "damaged"     // it is down, and its data cannot be read to the end
	Foreign   State = "other data"  // of another cluster, or of a member that was removed
	NoData    State = "no data"     // it is down, and there are none
	NoEtcd    State = "no etcd"     // the node has neither a manifest nor data of etcd
	Unseen    State = "not seen"    // we were not root there
	Unreached State = "unreachable" // the node tells nothing
	NotAsked  State = "not asked"   // nobody said how to get to the node
)

// stateOf is after the members were joined.
func (c *ControlPlane) stateOf(n *Node) State {
	r := n.Report
	switch {
	case r == nil && n.Host == "":
		return NotAsked
	case r == nil:
		return Unreached
	case c.foreign(n):
		return Foreign
	case r.Health.Serves:
		return Serving
	case r.Health.Error == "":
		return NoLeader
	case r.Data.InUse:
		return Hanging
	case r.Data.DatabaseError == "" && r.sound():
		return Stopped
	case !r.Root:
		return Unseen
	case r.Data.Error != "" || r.Data.DBSize == 0:
		if r.Etcd.Error != "" && n.Member == nil {
			return NoEtcd
		}
		return NoData
	}
	return Damaged
}

// foreign reports whether the data of a node are not those of its member.
func (c *ControlPlane) foreign(n *Node) bool {
	d := n.Report.Data
	if d.ClusterID == "" || c.ClusterID == "" {
		return false
	}
	return d.ClusterID != c.ClusterID || n.Member != nil && n.Member.ID != "" && d.MemberID != "" && d.MemberID != n.Member.ID
}

// up reports whether an etcd runs there.
func (s State) up() bool { return s == Serving || s == NoLeader || s == Hanging }

// Revision is the highest that the node tells of.
func (r *Report) Revision() int64 {
	if r.Health.Error == "" {
		return max(r.Health.Revision, r.Data.Revision)
	}
	return max(r.Data.Revision, r.Data.HighestRevision)
}

// sound reports whether the log of a stopped member counts: by it, whoever knows more
// than this member does is not one of those that it has heard of.
func (r *Report) sound() bool {
	l := r.Data.Log
	return l != nil && !r.Data.InUse && l.LastIndex >= l.Commit && l.LastIndex >= r.Data.ConsistentIndex
}
