package etcdrestore

import "github.com/spf13/cobra"

// objectVerbs are those for what is in a snapshot, for which nothing has to be alive.
func objectVerbs(streams Streams, opts *Options) []*cobra.Command {
	return []*cobra.Command{
		NewCmdLs(streams, opts),
		NewCmdGet(streams, opts),
		NewCmdDiff(streams, opts),
		NewCmdUndo(streams, opts),
		NewCmdCheckEncryption(streams, opts),
	}
}

// clusterVerbs are those for a whole control plane, in the order in which a person
// needs them.
func clusterVerbs(streams Streams, opts *Options) []*cobra.Command {
	return []*cobra.Command{
		NewCmdStatus(streams, opts),
		NewCmdSave(streams, opts),
		NewCmdPlan(streams, opts),
		NewCmdRun(streams, opts),
		NewCmdResume(streams, opts),
		NewCmdRollback(streams, opts),
		NewCmdCheck(streams, opts),
		NewCmdReport(streams, opts),
		NewCmdRejoin(streams, opts),
		NewCmdPrune(streams, opts),
		NewCmdCleanup(streams, opts),
	}
}
