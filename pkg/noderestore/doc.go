// Package noderestore restores the etcd of the control-plane node that it runs on,
// whether an API server lives or not.
//
// A Plan says all of it beforehand. Its Decision is the same on every node (invariant
// I4): snapshot, token, membership, revision. Its Part is this node's: directories,
// manifests, what changes in them. Everything else is found on the node again, so that
// a plan holds facts and no commands (I10).
//
// The phases, of which the journal knows every step:
//
//	stage         the new data directory, beside the old one, while all still runs
//	stop          manifests out, containers ended, and the proof that they are (I6)
//	cutover       etcd's manifest names the new directory, or the directories change names
//	start         etcd; then the commit point (I7); then API server and controllers
//	verify        what a client sees: ready, a revision above all, old watches ended
//	post-restore  kubeadm-config, entries of API servers that are gone
//
// Before the commit point any failure takes all of it back, on every node: one tells
// the others (retreat), and behind their meeting the commit point, or a majority of
// them, decides (settle). Behind it there is only the way forward.
package noderestore
