package evidence

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/datadir"
	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
	"github.com/etcd-restore/etcd-restore/pkg/revision"
	"github.com/etcd-restore/etcd-restore/pkg/schema"
)

// Auto chooses the bump for a restore of the snapshot base (invariant I5). Every
// voter that base or the evidence lists, and of which there is no evidence,
// counts as one that may have been ahead of all others.
func Auto(base Source, seen []revision.Evidence, now time.Time) (revision.Proof, error) {
	p, err := revision.Auto(base.Proven, seen, missing(base, seen), now)
	if errors.Is(err, revision.ErrOverflow) {
		return p, hint.New(err, "no cluster writes that much: look for damage with `etcdctl-snapshot-x verify`, or check the evidence")
	}
	return p, hint.New(err, "set the clock, or give evidence of every voter: its data directory, or its endpoint")
}

// Fixed takes the bump that somebody chose, and refuses one that does not clear
// the evidence.
func Fixed(base Source, bump uint64, seen []revision.Evidence) (revision.Proof, error) {
	p, err := revision.Fixed(base.Proven, bump, seen)
	return p, hint.New(err, "let it be chosen: --bump-revision=auto")
}

// Notes are what a person should know of a decision for base.
func Notes(base Source, seen []revision.Evidence) []string {
	notes := strangers(base, seen)
	if note := LeftInLog(base.Name); note != "" {
		notes = append(notes, note)
	}
	return notes
}

// missing names the members of the old cluster whose vote counted and of whose
// revision there is no evidence. Members may have been added after the snapshot:
// the evidence tells of those.
func missing(base Source, seen []revision.Evidence) []string {
	if len(base.Members) == 0 {
		return []string{"members unknown to the snapshot"}
	}
	all := base.Voters()
	for _, e := range seen {
		maps.Copy(all, e.Voters)
	}
	for _, e := range seen {
		delete(all, e.MemberID)
	}
	return slices.Sorted(maps.Values(all))
}

// strangers notes evidence of members that the snapshot does not know: they were
// added after it, or it is evidence of another cluster.
func strangers(base Source, seen []revision.Evidence) (notes []string) {
	for _, e := range seen {
		known := slices.ContainsFunc(base.Members, func(m schema.Member) bool { return m.ID == e.MemberID })
		if !known && e.MemberID != 0 && len(base.Members) > 0 {
			notes = append(notes, fmt.Sprintf("%s is of member %x, which the snapshot does not list: it was added later, or belongs to another cluster", e.Source, e.MemberID))
		}
	}
	return notes
}

// LeftInLog notes that the file at path is the db of a member, which is not all
// that it has. It is "" for any other.
func LeftInLog(path string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		return ""
	}
	dir, isDB := strings.CutSuffix(abs, "/"+datadir.DBPath(""))
	if !isDB {
		return ""
	}
	return fmt.Sprintf("%s is the db of a member: what its log holds beyond is not in it (its data directory %s, given as evidence, counts it for the revision)", path, dir)
}
