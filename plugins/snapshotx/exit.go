package snapshotx

import (
	"github.com/etcd-restore/etcd-restore/pkg/datadir"
	"github.com/etcd-restore/etcd-restore/pkg/etcdclient"
	"github.com/etcd-restore/etcd-restore/pkg/keyspace"
	"github.com/etcd-restore/etcd-restore/pkg/membership"
	"github.com/etcd-restore/etcd-restore/pkg/newfile"
	"github.com/etcd-restore/etcd-restore/pkg/restore"
	"github.com/etcd-restore/etcd-restore/pkg/revision"
	"github.com/etcd-restore/etcd-restore/pkg/salvage"
	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
	"github.com/etcd-restore/etcd-restore/plugins/internal/exitcode"
)

// exitTable is the one place where an error becomes an exit code.
func exitTable() exitcode.Table {
	return exitcode.Table{
		{Is: errReport, Code: exitcode.NeedsPerson},

		{Is: newfile.ErrTarget, Code: exitcode.BadUsage},
		{Is: membership.ErrInvalid, Code: exitcode.BadUsage},
		{Is: restore.ErrConfig, Code: exitcode.BadUsage},
		{Is: salvage.ErrConfig, Code: exitcode.BadUsage},
		{Is: keyspace.ErrCompacted, Code: exitcode.BadUsage},
		{Is: keyspace.ErrFuture, Code: exitcode.BadUsage},

		{Is: etcdclient.ErrBroken, Code: exitcode.Integrity},
		{Is: etcdclient.ErrDigest, Code: exitcode.Integrity},
		{Is: snapshot.ErrNotSnapshot, Code: exitcode.Integrity},
		{Is: snapshot.ErrCorrupt, Code: exitcode.Integrity},
		{Is: snapshot.ErrNoTrailer, Code: exitcode.Integrity},
		{Is: snapshot.ErrChanged, Code: exitcode.Integrity},
		{Is: restore.ErrOther, Code: exitcode.Integrity},
		{Is: datadir.ErrCorrupt, Code: exitcode.Integrity},
		{Is: datadir.ErrIncomplete, Code: exitcode.Integrity},
		{Is: errFindings, Code: exitcode.Integrity},

		{Is: newfile.ErrExists, Code: exitcode.Refused},
		{Is: newfile.ErrNoSpace, Code: exitcode.Refused},
		{Is: etcdclient.ErrLearner, Code: exitcode.Refused},
		{Is: etcdclient.ErrDifferentClusters, Code: exitcode.Refused},
		{Is: restore.ErrTarget, Code: exitcode.Refused},
		{Is: restore.ErrSpace, Code: exitcode.Refused},
		{Is: revision.ErrOverflow, Code: exitcode.Refused},
		{Is: revision.ErrNotCleared, Code: exitcode.Refused},
		{Is: datadir.ErrInUse, Code: exitcode.Refused},
		{Is: snapshot.ErrInUse, Code: exitcode.Refused},
		{Is: salvage.ErrConflict, Code: exitcode.Refused},
		{Is: salvage.ErrNoMajority, Code: exitcode.Refused},
		{Is: salvage.ErrVersion, Code: exitcode.Refused},
		{Is: errSplit, Code: exitcode.Refused},
	}
}
