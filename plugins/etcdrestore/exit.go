package etcdrestore

import (
	"errors"
	"slices"

	"github.com/etcd-restore/etcd-restore/pkg/datadir"
	"github.com/etcd-restore/etcd-restore/pkg/encryption"
	"github.com/etcd-restore/etcd-restore/pkg/encryptioncheck"
	"github.com/etcd-restore/etcd-restore/pkg/etcdclient"
	"github.com/etcd-restore/etcd-restore/pkg/journal"
	"github.com/etcd-restore/etcd-restore/pkg/keyspace"
	"github.com/etcd-restore/etcd-restore/pkg/kubeobject"
	"github.com/etcd-restore/etcd-restore/pkg/membership"
	"github.com/etcd-restore/etcd-restore/pkg/newfile"
	"github.com/etcd-restore/etcd-restore/pkg/nodeprune"
	"github.com/etcd-restore/etcd-restore/pkg/noderejoin"
	"github.com/etcd-restore/etcd-restore/pkg/noderestore"
	"github.com/etcd-restore/etcd-restore/pkg/preflight"
	"github.com/etcd-restore/etcd-restore/pkg/proof"
	"github.com/etcd-restore/etcd-restore/pkg/recovery"
	"github.com/etcd-restore/etcd-restore/pkg/restore"
	"github.com/etcd-restore/etcd-restore/pkg/revision"
	"github.com/etcd-restore/etcd-restore/pkg/salvage"
	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
	"github.com/etcd-restore/etcd-restore/pkg/staticpod"
	"github.com/etcd-restore/etcd-restore/pkg/topology"
	"github.com/etcd-restore/etcd-restore/pkg/transport"
	"github.com/etcd-restore/etcd-restore/pkg/transport/detached"
	helperpod "github.com/etcd-restore/etcd-restore/pkg/transport/pod"
	"github.com/etcd-restore/etcd-restore/pkg/transport/ssh"
	"github.com/etcd-restore/etcd-restore/pkg/transport/store"
	"github.com/etcd-restore/etcd-restore/pkg/transport/sweep"
	"github.com/etcd-restore/etcd-restore/pkg/workflow"
	"github.com/etcd-restore/etcd-restore/plugins/internal/exitcode"
	"github.com/etcd-restore/etcd-restore/plugins/internal/prompt"
)

// exitTable is the one place where an error becomes an exit code.
func exitTable() exitcode.Table {
	return exitcode.Table{
		{Is: errReport, Code: exitcode.NeedsPerson},

		// How a run ended outranks what was in its way.
		{Is: workflow.ErrStuck, Code: exitcode.NeedsPerson},
		{Is: workflow.ErrPhases, Code: exitcode.NeedsPerson},
		{Is: workflow.ErrRolledBack, Code: exitcode.RolledBack},
		{Is: workflow.ErrCommitted, Code: exitcode.Refused},

		{Is: proof.ErrFailed, Code: exitcode.NeedsPerson},
		{Is: proof.ErrUnknown, Code: exitcode.Failed},

		{Is: journal.ErrNoRun, Code: exitcode.BadUsage},
		{Is: newfile.ErrTarget, Code: exitcode.BadUsage},
		{Is: salvage.ErrConfig, Code: exitcode.BadUsage},
		{Is: keyspace.ErrCompacted, Code: exitcode.BadUsage},
		{Is: keyspace.ErrFuture, Code: exitcode.BadUsage},
		{Is: kubeobject.ErrResource, Code: exitcode.BadUsage},
		{Is: membership.ErrInvalid, Code: exitcode.BadUsage},
		{Is: noderestore.ErrPlan, Code: exitcode.BadUsage},
		{Is: noderestore.ErrFinished, Code: exitcode.BadUsage},
		{Is: recovery.ErrPlan, Code: exitcode.BadUsage},
		{Is: recovery.ErrWhich, Code: exitcode.BadUsage},
		{Is: noderejoin.ErrPlan, Code: exitcode.BadUsage},
		{Is: noderejoin.ErrFinished, Code: exitcode.BadUsage},
		{Is: prompt.ErrDeclined, Code: exitcode.Interrupted},
		{Is: helperpod.ErrCluster, Code: exitcode.Refused},
		{Is: helperpod.ErrForbidden, Code: exitcode.Refused},
		{Is: helperpod.ErrAdmission, Code: exitcode.Refused},
		{Is: transport.ErrRequest, Code: exitcode.BadUsage},
		{Is: transport.ErrProgram, Code: exitcode.Failed},
		{Is: transport.ErrConnection, Code: exitcode.Failed},
		{Is: transport.ErrFile, Code: exitcode.BadUsage},
		{Is: transport.ErrDigest, Code: exitcode.Integrity},
		{Is: detached.ErrName, Code: exitcode.BadUsage},
		{Is: detached.ErrRuns, Code: exitcode.Refused},
		{Is: sweep.ErrBusy, Code: exitcode.Refused},
		{Is: ssh.ErrHost, Code: exitcode.BadUsage},
		{Is: store.ErrName, Code: exitcode.BadUsage},
		{Is: transport.ErrFolder, Code: exitcode.Refused},
		{Is: store.ErrBusy, Code: exitcode.Refused},

		{Is: journal.ErrLocked, Code: exitcode.Refused},
		{Is: journal.ErrUnfinished, Code: exitcode.Refused},
		{Is: journal.ErrFolder, Code: exitcode.Refused},

		{Is: restore.ErrOther, Code: exitcode.Integrity},
		{Is: journal.ErrCorrupt, Code: exitcode.Integrity},
		{Is: etcdclient.ErrBroken, Code: exitcode.Integrity},
		{Is: etcdclient.ErrDigest, Code: exitcode.Integrity},
		{Is: snapshot.ErrNotSnapshot, Code: exitcode.Integrity},
		{Is: snapshot.ErrCorrupt, Code: exitcode.Integrity},
		{Is: snapshot.ErrNoTrailer, Code: exitcode.Integrity},
		{Is: snapshot.ErrChanged, Code: exitcode.Integrity},
		{Is: kubeobject.ErrDamaged, Code: exitcode.Integrity},
		{Is: datadir.ErrCorrupt, Code: exitcode.Integrity},
		{Is: datadir.ErrIncomplete, Code: exitcode.Integrity},

		{Is: newfile.ErrExists, Code: exitcode.Refused},
		{Is: newfile.ErrNoSpace, Code: exitcode.Refused},
		{Is: etcdclient.ErrLearner, Code: exitcode.Refused},
		{Is: etcdclient.ErrDifferentClusters, Code: exitcode.Refused},
		{Is: datadir.ErrInUse, Code: exitcode.Refused},
		{Is: snapshot.ErrInUse, Code: exitcode.Refused},
		{Is: salvage.ErrConflict, Code: exitcode.Refused},
		{Is: salvage.ErrNoMajority, Code: exitcode.Refused},
		{Is: salvage.ErrVersion, Code: exitcode.Refused},
		{Is: preflight.ErrPreflight, Code: exitcode.Refused},
		{Is: noderestore.ErrChanged, Code: exitcode.Refused},
		{Is: recovery.ErrNodes, Code: exitcode.Refused},
		{Is: nodeprune.ErrInUse, Code: exitcode.Refused},
		{Is: noderejoin.ErrNode, Code: exitcode.Refused},
		{Is: noderejoin.ErrMember, Code: exitcode.Refused},
		{Is: noderejoin.ErrCluster, Code: exitcode.Refused},
		{Is: noderestore.ErrTooLate, Code: exitcode.Refused},
		{Is: noderestore.ErrNotCommitted, Code: exitcode.Refused},
		{Is: noderestore.ErrSwap, Code: exitcode.Refused},
		{Is: revision.ErrOverflow, Code: exitcode.Refused},
		{Is: revision.ErrNotCleared, Code: exitcode.Refused},
		{Is: restore.ErrTarget, Code: exitcode.Refused},
		{Is: restore.ErrSpace, Code: exitcode.Refused},
		{Is: staticpod.ErrShared, Code: exitcode.Refused},
		{Is: staticpod.ErrBelow, Code: exitcode.Refused},
		{Is: staticpod.ErrConfigFile, Code: exitcode.Refused},
		{Is: staticpod.ErrSeveral, Code: exitcode.Refused},
		{Is: errNeedsLive, Code: exitcode.Refused},

		{Is: encryption.ErrConfig, Code: exitcode.BadUsage},
		{Is: encryptioncheck.ErrUnreadable, Code: exitcode.NeedsPerson},
		{Is: encryptioncheck.ErrUnknown, Code: exitcode.Failed},

		{Is: topology.ErrChoice, Code: exitcode.BadUsage},
		{Is: topology.ErrDisagree, Code: exitcode.Refused},
		{Is: topology.ErrExternal, Code: exitcode.Refused},
		{Is: errNoSource, Code: exitcode.Refused},
		{Is: errSecret, Code: exitcode.Refused},
		{Is: errUndone, Code: exitcode.NeedsPerson},
	}
}

// ofNode is the code with which the program on a node ended, if that is what an error is
// about.
func ofNode(err error) exitcode.Code {
	var exit *transport.ExitError
	if !errors.As(err, &exit) || !slices.Contains(exitcode.All(), exitcode.Code(exit.Code)) {
		return exitcode.Failed
	}
	return exitcode.Code(exit.Code)
}
