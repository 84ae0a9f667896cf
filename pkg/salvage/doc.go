// Package salvage makes a snapshot from the data directories of members that are
// dead or stopped: one that holds what their databases hold and everything that
// their logs hold beyond.
//
// etcd applies an entry of the log long after it has acknowledged it to its
// peers, and writes its database less often still. So the database of a member
// that was killed lags, and what is missing is in its log, some of it perhaps
// not known to be committed. Three steps bring it back:
//
//   - An election between the directories, by Raft's own rule: the log with the
//     highest last term and, of those, the highest index wins. With the logs of a
//     majority, every write that was ever acknowledged is in it, since every
//     acknowledged write is in the logs of a majority, too, and two majorities
//     share a member. That must hold for every configuration that was in force
//     after the last entry of which the winner knows that it is committed.
//   - A comparison of the logs, entry by entry, where they overlap: they must be
//     of one history. Clusters restored with the same token have the same IDs.
//   - A replay of the winner's log on a copy of its database, with the very
//     packages by which etcd 3.7 applies entries.
//
// What a log cannot prove, nobody can: the entries behind the last that is known
// to be committed, its tail, may have been acknowledged or not. To keep them is
// as if the winner had been elected once more, and can only turn a write of
// unknown outcome into one that happened.
package salvage
