// Package snapshot is the snapshot file: what it is, whether it is whole, and
// what is in it.
//
// A snapshot, as etcd's Maintenance.Snapshot sends it, is a bbolt database
// followed by its SHA-256:
//
//	database, a multiple of its page size | SHA-256 of the database, 32 bytes
//
// A database is a multiple of 512 bytes, so a file of size%512 == 32 has the
// trailer and any other has none (etcdutl/snapshot/v3_snapshot.go, hasChecksum).
// A copy of member/snap/db is the database alone. Either may be compressed with
// zstd. The file is never written to.
package snapshot
