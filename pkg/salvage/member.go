package salvage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"

	"github.com/coreos/go-semver/semver"
	"go.etcd.io/etcd/api/v3/version"

	"github.com/etcd-restore/etcd-restore/pkg/datadir"
	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
)

// member is one data directory and what it holds.
type member struct {
	Source
	dir *datadir.Dir
	log *datadir.Info

	db       string // the path that etcd would start from
	facts    snapshot.Facts
	revision int64 // of the db
	dbErr    error // why nothing can be replayed on the db

	noVote string // why it does not count for a majority; empty if it does
}

// examine looks at a data directory, whose lock it holds until close. A db that
// is damaged is no error: the log beside it still has a vote.
func examine(ctx context.Context, src Source) (*member, error) {
	dir, err := datadir.Open(src.Dir, datadir.Options{WALDir: src.WALDir})
	if err != nil {
		return nil, unusable(err)
	}
	m := &member{Source: src, dir: dir}
	if err := m.read(ctx); err != nil {
		m.close()
		return nil, unusable(err)
	}
	if first := m.log.FirstIndex; m.dbErr == nil && first > m.applied()+1 {
		m.dbErr = fmt.Errorf("%w: the log begins at entry %d, but the db ends at %d", datadir.ErrIncomplete, first, m.applied())
	}
	m.noVote = m.whyNoVote()
	if err := m.checkOwn(); err != nil {
		m.close()
		return nil, unusable(err)
	}
	return m, nil
}

func (m *member) read(ctx context.Context) (err error) {
	if err := m.readDB(m.dir.DB); err != nil {
		return err
	}
	if m.log, err = datadir.Survey(ctx, m.dir.WALDir, m.applied()); err != nil {
		return err
	}
	return m.useReceived(ctx)
}

// unusable adds the next step to an error that has none.
func unusable(err error) error {
	switch {
	case errors.As(err, new(interface{ Hint() string })):
		return err
	case errors.Is(err, fs.ErrPermission):
		return hint.New(err, "run it as the owner of the directory, or as root")
	case errors.Is(err, datadir.ErrNotDataDir):
		return hint.New(err, "give the --data-dir of a member that has stopped, or leave it out if that is lost")
	case errors.Is(err, datadir.ErrCorrupt):
		return hint.New(err, "that log cannot be used: leave the directory out, or restore the last snapshot")
	}
	return err
}

func (m *member) close() { _ = m.dir.Close() } // it was only read

// readDB reads the little that the election needs of a db.
func (m *member) readDB(path string) error {
	m.db, m.dbErr, m.facts, m.revision = path, nil, snapshot.Facts{}, 0
	err := m.tryDB(path)
	if errors.Is(err, snapshot.ErrCorrupt) || errors.Is(err, snapshot.ErrNotSnapshot) {
		m.dbErr = err
		return nil
	}
	return err
}

func (m *member) tryDB(path string) error {
	f, err := snapshot.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	view, err := f.Keyspace()
	if err != nil {
		return err
	}
	m.revision = view.Revision()
	m.facts, err = f.Facts()
	return err
}

// useReceived turns to a db that the leader had sent and that was not put in
// place any more. The log tells of it.
func (m *member) useReceived(ctx context.Context) error {
	path, err := m.dir.DBFor(m.applied(), m.log.SnapshotIndex)
	switch {
	case err != nil && m.dbErr == nil:
		m.dbErr = err
		return nil
	case err != nil || path == m.db:
		return nil
	}
	if err := m.readDB(path); err != nil || m.log.Damage == nil {
		return err
	}
	m.log, err = datadir.Survey(ctx, m.dir.WALDir, m.applied()) // less of the log is needed now
	return err
}

func (m *member) whyNoVote() string {
	switch {
	case m.log.Damage != nil && m.log.Damage.CutShort:
		return fmt.Sprintf("its log is damaged: %s", m.log.Damage.At)
	case m.log.LastIndex < m.applied():
		return fmt.Sprintf("its log ends at entry %d, before its db at %d", m.log.LastIndex, m.applied())
	case m.log.LastIndex < m.log.Commit:
		return fmt.Sprintf("its log ends at entry %d, though it says that %d is committed", m.log.LastIndex, m.log.Commit)
	}
	return ""
}

// applied is the last entry that the db holds.
func (m *member) applied() uint64 { return m.facts.ConsistentIndex }

// commit is the last entry that this member knows to be committed. Commits are
// written down later than entries, and what is in the db was committed.
func (m *member) commit() uint64 { return max(m.log.Commit, m.applied()) }

// last is the end of the log or, if it ends earlier than the db, of that.
func (m *member) last() (term, index uint64) {
	if m.log.LastIndex >= m.applied() {
		return m.log.LastTerm, m.log.LastIndex
	}
	return max(m.log.LastTerm, m.facts.Term), m.applied()
}

// ahead reports whether m is further than other, by Raft's rule.
func (m *member) ahead(other *member) bool {
	term, index := m.last()
	otherTerm, otherIndex := other.last()
	return term > otherTerm || term == otherTerm && index > otherIndex
}

// name is what the db calls a member, or its ID.
func (m *member) name(id uint64) string {
	for _, known := range m.facts.Members {
		if known.ID == id && known.Name != "" {
			return known.Name
		}
	}
	return strconv.FormatUint(id, 16)
}

// usable returns why nothing can be replayed on the db of the winner.
func (m *member) usable() error {
	if m.dbErr != nil {
		return damagedDB(m.Dir, m.dbErr)
	}
	for _, text := range []string{m.facts.ClusterVersion, m.facts.StorageVersion} {
		if err := known(text); err != nil {
			return fmt.Errorf("%s: %w", m.Dir, err)
		}
	}
	return nil
}

// known refuses a version of the cluster that is later than etcd's packages here.
func known(text string) error {
	newest := semver.New(version.Version)
	v, err := semver.NewVersion(text)
	if err != nil || v.Major < newest.Major || v.Major == newest.Major && v.Minor <= newest.Minor {
		return nil // or none is set
	}
	return hint.New(fmt.Errorf("%w: %s", ErrVersion, v),
		"what its log means is not known here: this etcdctl-snapshot-x can salvage data of etcd up to %d.%d", newest.Major, newest.Minor)
}

func damagedDB(dir string, err error) error {
	return hint.New(fmt.Errorf("the database of %s: %w", dir, err),
		"salvage needs a sound one: leave this directory out, and what only its log holds is lost, or restore the last snapshot: etcdctl-snapshot-x restore SNAPSHOT --bump-revision=auto")
}
