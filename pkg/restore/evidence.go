package restore

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/etcd-restore/etcd-restore/pkg/datadir"
	"github.com/etcd-restore/etcd-restore/pkg/revision"
	"github.com/etcd-restore/etcd-restore/pkg/schema"
	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
)

// SeenInDataDir reads from the data directory of a stopped member how far its
// cluster can have come: the revision of its db, and one more for every request
// in its log that the db does not hold yet. That is an upper bound, found
// without applying anything. Nothing in the directory is changed.
//
// A log whose end was never finished may have held more. Then the evidence is
// not that of its member, whose word is still missing.
func SeenInDataDir(ctx context.Context, dir, walDir string) (revision.Evidence, error) {
	d, err := datadir.Open(dir, datadir.Options{WALDir: walDir})
	if err != nil {
		return revision.Evidence{}, err
	}
	defer d.Close()
	log, err := datadir.ReadInfo(ctx, d.WALDir)
	if err != nil {
		return revision.Evidence{}, err
	}
	at, facts, err := reached(d.DB)
	if err != nil {
		return revision.Evidence{}, err
	}
	db, err := d.DBFor(facts.ConsistentIndex, log.SnapshotIndex)
	if err != nil {
		return revision.Evidence{}, fmt.Errorf("data directory %s: %w", dir, err)
	}
	if db != d.DB {
		if at, facts, err = reached(db); err != nil {
			return revision.Evidence{}, err
		}
	}
	ahead, err := log.NormalEntriesAbove(facts.ConsistentIndex)
	if err != nil {
		return revision.Evidence{}, fmt.Errorf("data directory %s: %w", dir, err)
	}
	e := revision.Evidence{Source: "data directory " + dir, Revision: at + ahead, MemberID: log.MemberID, Voters: voters(facts)}
	if log.Torn {
		e.Source += ", log torn"
		e.MemberID = 0
	}
	return e, nil
}

// reached returns the revision of a db and what else it tells of its cluster.
func reached(path string) (int64, snapshot.Facts, error) {
	f, err := snapshot.Open(path)
	if err != nil {
		return 0, snapshot.Facts{}, err
	}
	defer f.Close()
	view, err := f.Keyspace()
	if err != nil {
		return 0, snapshot.Facts{}, err
	}
	facts, err := f.Facts()
	return view.Revision(), facts, err
}

// voters are the members that facts list with a vote.
func voters(facts snapshot.Facts) map[uint64]string {
	list := map[uint64]string{}
	for _, m := range facts.Members {
		if !m.IsLearner {
			list[m.ID] = cmp.Or(m.Name, strconv.FormatUint(m.ID, 16))
		}
	}
	return list
}

// missingVoters names the members of the old cluster whose vote counted and of
// whose revision there is no evidence. Members may have been added after the
// snapshot: the evidence tells of those.
func (c *Config) missingVoters(facts snapshot.Facts) []string {
	if len(facts.Members) == 0 {
		return []string{"members unknown to the snapshot"}
	}
	all := voters(facts)
	for _, e := range c.Seen {
		maps.Copy(all, e.Voters)
	}
	for _, e := range c.Seen {
		delete(all, e.MemberID)
	}
	return slices.Sorted(maps.Values(all))
}

// strangers notes evidence of members that the snapshot does not know: they were
// added after it, or it is evidence of another cluster.
func (c *Config) strangers(facts snapshot.Facts) (notes []string) {
	for _, e := range c.Seen {
		known := slices.ContainsFunc(facts.Members, func(m schema.Member) bool { return m.ID == e.MemberID })
		if !known && e.MemberID != 0 && len(facts.Members) > 0 {
			notes = append(notes, fmt.Sprintf("%s is of member %x, which the snapshot does not list: it was added later, or belongs to another cluster", e.Source, e.MemberID))
		}
	}
	return notes
}
