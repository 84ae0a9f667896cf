// Package schema names what etcd 3.4 to 3.7 keeps in its database and reads and
// writes the single entries: buckets, meta keys, revision keys, key values,
// leases, alarms and members.
//
// The source is etcd's server/storage/schema (bucket.go and the files beside
// it), server/storage/mvcc/revision.go and api/mvccpb/kv.proto.
package schema

import "errors"

// ErrMalformed is returned for an entry that etcd would not have written.
var ErrMalformed = errors.New("malformed entry")

// Buckets, all at the top level of the database.
const (
	KeyBucket            = "key"             // revision key -> KeyValue
	MetaBucket           = "meta"            // the Meta keys below
	LeaseBucket          = "lease"           // lease ID, 8 bytes big endian -> leasepb.Lease
	AlarmBucket          = "alarm"           // AlarmMember -> nothing
	ClusterBucket        = "cluster"         // clusterVersion, downgrade
	MembersBucket        = "members"         // member ID in hex -> Member as JSON
	MembersRemovedBucket = "members_removed" // member ID in hex -> "removed"
	AuthBucket           = "auth"            // authEnabled, authRevision
	AuthUsersBucket      = "authUsers"
	AuthRolesBucket      = "authRoles"
)

// Keys of the meta bucket. Indices are 8 bytes big endian, compaction revisions
// are revision keys.
const (
	ConsistentIndexKey  = "consistent_index"
	TermKey             = "term"                // since 3.5
	ConfStateKey        = "confState"           // since 3.5, raftpb.ConfState as JSON
	ScheduledCompactKey = "scheduledCompactRev" // a compaction that has begun
	FinishedCompactKey  = "finishedCompactRev"  // a compaction that is done
	StorageVersionKey   = "storageVersion"      // since 3.6, "3.6.0"
)

// Keys of the cluster and auth buckets.
const (
	ClusterVersionKey = "clusterVersion" // "3.7.0"
	DowngradeKey      = "downgrade"      // JSON
	AuthEnabledKey    = "authEnabled"    // one byte, 0 or 1
	AuthRevisionKey   = "authRevision"
)

// KubernetesPrefix is the root of every key an API server writes by default.
const KubernetesPrefix = "/registry/"
