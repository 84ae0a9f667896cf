// Package restore turns a snapshot, a membership and a revision policy into the
// data directories of a new cluster.
//
// It is one process for any number of members. The snapshot is read once, hashed
// while it is written, and edited without a walk over its pages. The database is
// the same bytes for every member, here and on other hosts, and is built once.
// What differs per member is the write-ahead log, a few hundred bytes.
//
// Everything is built in a directory beside the target, or inside it where it
// exists already, synced, and renamed into place last (invariant I2). Whatever
// happens before, the target stays as it was and the part is removed; after a
// SIGKILL the part stays behind under its own name, and the next restore into
// the same target removes it.
package restore
