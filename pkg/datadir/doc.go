// Package datadir reads and writes the data directory of an etcd member,
// except for the db in it, which is a bbolt file with its own rules.
//
//	<data dir>/member/snap/db                          the db
//	<data dir>/member/snap/<term>-<index>.snap         raft snapshot, no user data
//	<data dir>/member/snap/<index>.snap.db             a db received from the leader
//	<data dir>/member/wal/<seq>-<index>.wal            the log, in segments
//
// Terms, indexes and sequence numbers are 16 hexadecimal digits.
//
// # The log
//
// A segment is a sequence of frames:
//
//	length   8 bytes, little endian: the record's length in the low 56 bits;
//	         if there is padding, the top byte is 0x80 | bytes of padding
//	record   walpb.Record{type, crc, data}
//	padding  zeros up to a multiple of 8, so that no length is ever torn
//	         across two sectors
//
// A length of zero ends the segment: etcd preallocates 64 MB and fills it from
// the front. The crc of a record is the CRC-32 (Castagnoli) of the data of all
// records so far, through all segments. Each segment starts with a record that
// carries the crc over from the segment before, then the metadata (whose log
// this is) again.
//
// Entries may go back: when a new leader replaces entries that were never
// committed, an entry with a lower index and a higher term follows, and it
// voids everything from its index on.
//
// # Writing
//
// [EncodeWAL] and [EncodeSnap] return the bytes of a member that has just
// agreed on its cluster's membership and nothing else. They are pure: putting
// the bytes on disk so that a crash leaves all or nothing is the caller's work.
//
// # Reading
//
// [Open] finds the parts of a directory and refuses one that a running etcd
// holds. [NewReader] streams the log and [ReadInfo] sums it up. Nothing here
// ever writes to, locks or creates a file of the directory that is read, other
// than the shared lock on the db by which a running etcd is noticed.
package datadir
