package snapshotx

import (
	"github.com/etcd-restore/etcd-restore/pkg/etcdclient"
	"github.com/etcd-restore/etcd-restore/plugins/internal/exitcode"
)

// exitTable is the one place where an error becomes an exit code.
func exitTable() exitcode.Table {
	return exitcode.Table{
		{Is: etcdclient.ErrTarget, Code: exitcode.BadUsage},

		{Is: etcdclient.ErrBroken, Code: exitcode.Integrity},
		{Is: etcdclient.ErrDigest, Code: exitcode.Integrity},

		{Is: etcdclient.ErrExists, Code: exitcode.Refused},
		{Is: etcdclient.ErrNoSpace, Code: exitcode.Refused},
		{Is: etcdclient.ErrLearner, Code: exitcode.Refused},
		{Is: etcdclient.ErrDifferentClusters, Code: exitcode.Refused},
	}
}
