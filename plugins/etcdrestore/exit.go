package etcdrestore

import (
	"github.com/etcd-restore/etcd-restore/pkg/datadir"
	"github.com/etcd-restore/etcd-restore/pkg/etcdclient"
	"github.com/etcd-restore/etcd-restore/pkg/journal"
	"github.com/etcd-restore/etcd-restore/pkg/membership"
	"github.com/etcd-restore/etcd-restore/pkg/newfile"
	"github.com/etcd-restore/etcd-restore/pkg/noderestore"
	"github.com/etcd-restore/etcd-restore/pkg/preflight"
	"github.com/etcd-restore/etcd-restore/pkg/restore"
	"github.com/etcd-restore/etcd-restore/pkg/revision"
	"github.com/etcd-restore/etcd-restore/pkg/salvage"
	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
	"github.com/etcd-restore/etcd-restore/pkg/staticpod"
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

		{Is: journal.ErrNoRun, Code: exitcode.BadUsage},
		{Is: newfile.ErrTarget, Code: exitcode.BadUsage},
		{Is: salvage.ErrConfig, Code: exitcode.BadUsage},
		{Is: membership.ErrInvalid, Code: exitcode.BadUsage},
		{Is: noderestore.ErrPlan, Code: exitcode.BadUsage},
		{Is: noderestore.ErrFinished, Code: exitcode.BadUsage},
		{Is: prompt.ErrDeclined, Code: exitcode.Interrupted},

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
	}
}
