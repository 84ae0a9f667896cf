package salvage

import (
	"context"
	"fmt"
	"math"
	"os"

	"github.com/coreos/go-semver/semver"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/version"
	"go.etcd.io/etcd/client/pkg/v3/types"
	"go.etcd.io/etcd/pkg/v3/traceutil"
	"go.etcd.io/etcd/server/v3/auth"
	"go.etcd.io/etcd/server/v3/etcdserver/api/membership"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3alarm"
	"go.etcd.io/etcd/server/v3/etcdserver/apply"
	"go.etcd.io/etcd/server/v3/lease"
	"go.etcd.io/etcd/server/v3/storage/backend"
	"go.etcd.io/etcd/server/v3/storage/mvcc"
	"go.etcd.io/etcd/server/v3/storage/schema"
	"go.uber.org/zap"
)

// store is etcd's own state machine on a database that nobody else sees: the
// parts of an EtcdServer that applying an entry takes, put together in the order
// of its NewServer.
type store struct {
	lg      *zap.Logger
	be      backend.Backend
	cluster *membership.RaftCluster
	lessor  lease.Lessor
	kv      mvcc.KV
	auth    auth.AuthStore
	alarms  *v3alarm.AlarmStore
	applier apply.UberApplier
}

// openStore opens the database at path, to which the given number of bytes may
// be added.
func openStore(lg *zap.Logger, path string, room int64) (*store, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	s := &store{lg: lg}
	s.be = backend.New(backend.BackendConfig{
		Path: path, Logger: lg,
		MmapSize:      uint64(info.Size() + 2*room + 64<<20), // what is mapped only once is never moved
		BatchInterval: never, BatchLimit: batchEntries,
		UnsafeNoFsync: true, // the finished file is synced, once
	})
	// How many learners the servers allowed is written down nowhere.
	s.cluster = membership.NewCluster(lg, membership.WithMaxLearners(math.MaxInt))
	s.cluster.SetBackend(schema.NewMembershipBackend(lg, s.be))
	s.cluster.Recover(func(*zap.Logger, *semver.Version) {})
	// The lessor before the keys, which find their leases in it.
	s.lessor = lease.NewLessor(lg, s.be, s.cluster, lease.LessorConfig{})
	s.kv = mvcc.NewStore(lg, s.be, s.lessor, mvcc.StoreConfig{CompactionBatchLimit: batchEntries, CompactionSleepInterval: 1})
	tokens, err := auth.NewTokenProvider(lg, "", nil, 0) // nobody logs in, passwords come hashed
	if err != nil {
		return nil, err
	}
	s.auth = auth.NewAuthStore(lg, schema.NewAuthBackend(lg, s.be), tokens, 0)
	if s.alarms, err = v3alarm.NewAlarmStore(lg, schema.NewAlarmBackend(lg, s.be)); err != nil {
		return nil, fmt.Errorf("read alarms: %w", err)
	}
	s.applier = apply.NewUberApplier(apply.ApplierOptions{
		Logger: lg, KV: s.kv, AlarmStore: s.alarms, AuthStore: s.auth, Lessor: s.lessor, Cluster: s.cluster,
		RaftStatus: noServer{}, SnapshotServer: noServer{}, Backend: s.be,
		TxnModeWriteWithSharedBuffer: true, // as every server since 3.5
		QuotaBackendBytesCfg:         -1,   // a quota raises an alarm, which has an entry of its own
		WarningApplyDuration:         never,
	})
	return s, nil
}

// apply applies a request. That it fails is no error: it failed on every member.
func (s *store) apply(req *pb.InternalRaftRequest) {
	if noEffect(req) || s.unknownMember(req) {
		return
	}
	s.applier.Apply(&apply.InternalRaftRequestWrapper{
		InternalRaftRequest: req,
		SkipRangeExecution:  req.Txn != nil, // nobody waits for the answer
	}, membership.ApplyBoth)
}

// noEffect reports whether a request only asks.
func noEffect(r *pb.InternalRaftRequest) bool {
	return r.Range != nil || r.Authenticate != nil || r.AuthStatus != nil ||
		r.AuthUserGet != nil || r.AuthRoleGet != nil || r.AuthUserList != nil || r.AuthRoleList != nil ||
		r.DowngradeVersionTest != nil
}

// unknownMember reports whether a request is about a member that the database
// does not list, as that of an etcd 3.4 may not. A server would panic.
func (s *store) unknownMember(r *pb.InternalRaftRequest) bool {
	if r.ClusterMemberAttrSet == nil {
		return false
	}
	id := types.ID(r.ClusterMemberAttrSet.Member_ID)
	return !s.cluster.IsMemberExist(id) && !s.cluster.IsIDRemoved(id)
}

// awaitCompaction waits until no compaction is under way.
func (s *store) awaitCompaction(ctx context.Context) error {
	// One below any revision is none, but is told when those before it are done.
	done, _ := s.kv.Compact(traceutil.TODO(), -1)
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// dropAlarms clears what would make a restored cluster refuse writes, and tells
// of each.
func (s *store) dropAlarms() (notes []string) {
	for _, a := range s.alarms.Get(pb.AlarmType_NONE) {
		s.alarms.Deactivate(types.ID(a.MemberID), a.Alarm)
		note := fmt.Sprintf("the alarm %s of member %x was dropped (--keep-alarms keeps it)", a.Alarm, a.MemberID)
		if a.Alarm == pb.AlarmType_CORRUPT {
			note += ": its data differed from that of the others; find out whose is right"
		}
		notes = append(notes, note)
	}
	return notes
}

// setApplied says up to which entry the log is in the database. etcd 3.4 knows
// no term; adding one would make the database look like one of 3.5.
func (s *store) setApplied(index, term uint64, hasTerm bool) {
	if !hasTerm {
		term = 0
	}
	tx := s.be.BatchTx()
	tx.LockOutsideApply()
	defer tx.Unlock()
	schema.UnsafeUpdateConsistentIndexForce(tx, index, term)
}

// knowsTerms reports whether the cluster is of etcd 3.5 or later. The database of a
// new member may not say so itself.
func (s *store) knowsTerms() bool {
	v := s.cluster.Version()
	return v != nil && !v.LessThan(version.V3_5)
}

// close writes what was not yet written and closes the file.
func (s *store) close() error {
	s.auth.Close()
	s.lessor.Stop()
	s.kv.Close()
	return s.be.Close()
}

// noServer answers for the server that is not there.
type noServer struct{}

func (noServer) MemberID() types.ID     { return 0 }
func (noServer) Leader() types.ID       { return 0 }
func (noServer) CommittedIndex() uint64 { return 0 }
func (noServer) AppliedIndex() uint64   { return 0 }
func (noServer) Term() uint64           { return 0 }
func (noServer) ForceSnapshot()         {}
