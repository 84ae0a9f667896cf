package restore

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/debug"

	"go.etcd.io/bbolt"

	"github.com/etcd-restore/etcd-restore/pkg/datadir"
	"github.com/etcd-restore/etcd-restore/pkg/internal/boltfile"
	"github.com/etcd-restore/etcd-restore/pkg/schema"
	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
)

// edit makes the database at path that of a new cluster, without a walk over its
// pages. Every transaction begins with a free list that names no page: so none
// writes below the end of the file but to the meta pages.
func (c *Config) edit(path string, d decision) error {
	for _, steps := range c.edits() {
		if err := c.graft(path); err != nil {
			return err
		}
		err := guard(path, func() error {
			db, err := openDB(path)
			if err != nil {
				return err
			}
			defer db.Close()
			if err := c.apply(db, steps, d); err != nil {
				return err
			}
			return db.Close()
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *Config) graft(path string) error {
	c.FS.At("graft", path)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil {
		err = boltfile.Graft(f, info.Size())
	}
	return errors.Join(err, f.Close())
}

// openDB opens a database that nobody else sees yet. Nothing is synced on the
// way: the finished file is, once. Of several free pages the array takes the
// first, the map any: members restored on different hosts are to be the same.
func openDB(path string) (*bbolt.DB, error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{
		NoSync: true, NoGrowSync: true, NoFreelistSync: true, FreelistType: bbolt.FreelistArrayType,
	})
	if err != nil {
		return nil, err
	}
	db.AllocSize = os.Getpagesize() // grow by what is needed, not by 16 MiB
	return db, nil
}

// guard turns the panics with which bbolt answers a damaged file into an error.
func guard(path string, fn func() error) (err error) {
	old := debug.SetPanicOnFault(true)
	defer func() {
		debug.SetPanicOnFault(old)
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: bbolt cannot work with %s: %v", snapshot.ErrCorrupt, path, r)
		}
	}()
	return fn()
}

// edits are all that is to be changed, by transaction. The members have one of
// their own: they and the keys can both take whole pages, and bbolt writes the
// buckets of one transaction in any order. Members restored on different hosts
// are to be the same.
func (c *Config) edits() [][]edit {
	return [][]edit{
		{c.setMembers},
		{c.setRaft, c.dropAlarms, c.dropAuth, c.setVersion, c.bump},
	}
}

type edit func(*bbolt.Tx, decision) error

// apply makes the edits of one transaction.
func (c *Config) apply(db *bbolt.DB, edits []edit, d decision) error {
	c.FS.At("commit", db.Path())
	return db.Update(func(tx *bbolt.Tx) error {
		for _, e := range edits {
			if err := e(tx, d); err != nil {
				return err
			}
		}
		return nil
	})
}

// setMembers replaces the members, and forgets who was removed: etcd 3.6 and 3.7
// take the membership from here.
func (c *Config) setMembers(tx *bbolt.Tx, _ decision) error {
	b, err := empty(tx, schema.MembersBucket)
	if err != nil {
		return err
	}
	for _, m := range c.Cluster.Members {
		v, err := m.JSON()
		if err != nil {
			return err
		}
		if err := b.Put([]byte(schema.MemberKey(m.ID)), v); err != nil {
			return err
		}
	}
	if _, err := empty(tx, schema.MembersRemovedBucket); err != nil {
		return err
	}
	_, err = tx.CreateBucketIfNotExists([]byte(schema.ClusterBucket))
	return err
}

// confState is raftpb.ConfState as etcd stores it.
type confState struct {
	Voters    []uint64 `json:"voters"`
	Learners  []uint64 `json:"learners,omitempty"`
	AutoLeave bool     `json:"auto_leave"`
}

// setRaft says that the entries which add the members, and no others, have been
// applied: they are all that the new log holds.
func (c *Config) setRaft(tx *bbolt.Tx, _ decision) error {
	conf, err := json.Marshal(confState{Voters: c.Cluster.Voters(), Learners: c.Cluster.Learners()})
	if err != nil {
		return err
	}
	return put(tx, schema.MetaBucket, map[string][]byte{
		schema.ConsistentIndexKey: schema.Index(datadir.InitialIndex(c.Cluster)),
		schema.TermKey:            schema.Index(datadir.InitialTerm),
		schema.ConfStateKey:       conf,
	})
}

// dropAlarms clears alarms of members that are no more. NOSPACE would make the
// restored cluster refuse every write.
func (c *Config) dropAlarms(tx *bbolt.Tx, _ decision) error {
	if c.KeepAlarms {
		return nil
	}
	_, err := empty(tx, schema.AlarmBucket)
	return err
}

func (c *Config) dropAuth(tx *bbolt.Tx, _ decision) error {
	if !c.ResetAuth {
		return nil
	}
	for _, name := range []string{schema.AuthBucket, schema.AuthUsersBucket, schema.AuthRolesBucket} {
		if _, err := empty(tx, name); err != nil {
			return err
		}
	}
	return put(tx, schema.AuthBucket, map[string][]byte{schema.AuthEnabledKey: {0}})
}

// setVersion ends a downgrade that was under way and, if asked to, marks the
// database for another etcd version. Every version reads the keys of every
// other; only these marks make one refuse what a later one wrote.
func (c *Config) setVersion(tx *bbolt.Tx, _ decision) error {
	cluster := tx.Bucket([]byte(schema.ClusterBucket))
	if err := cluster.Delete([]byte(schema.DowngradeKey)); err != nil || c.TargetVersion == "" {
		return err
	}
	full := []byte(c.TargetVersion + ".0")
	if err := cluster.Put([]byte(schema.ClusterVersionKey), full); err != nil {
		return err
	}
	meta := tx.Bucket([]byte(schema.MetaBucket))
	if c.TargetVersion < "3.6" { // the storage version came with 3.6
		return meta.Delete([]byte(schema.StorageVersionKey))
	}
	return meta.Put([]byte(schema.StorageVersionKey), full)
}

// bump raises the revision and marks what lies below as compacted.
//
// Without [Config.Compact] the compaction is scheduled and runs when a member
// starts; the record with no key makes servers before 3.4.32 and 3.5.14, which
// overlook a scheduled compaction, start at the new revision as well. With it
// the compaction is done, which all of them read.
func (c *Config) bump(tx *bbolt.Tx, d decision) error {
	if !d.mark && !c.Compact {
		return nil
	}
	at := schema.Revision{Main: d.restored()}.Key()
	marks := map[string][]byte{schema.ScheduledCompactKey: at}
	if c.Compact {
		marks[schema.FinishedCompactKey] = at
	} else if d.proof.Bump > 0 {
		if err := put(tx, schema.KeyBucket, map[string][]byte{string(at): {}}); err != nil {
			return err
		}
	}
	return put(tx, schema.MetaBucket, marks)
}

// empty makes a bucket that holds nothing.
func empty(tx *bbolt.Tx, name string) (*bbolt.Bucket, error) {
	if tx.Bucket([]byte(name)) != nil {
		if err := tx.DeleteBucket([]byte(name)); err != nil {
			return nil, err
		}
	}
	return tx.CreateBucket([]byte(name))
}

func put(tx *bbolt.Tx, bucket string, entries map[string][]byte) error {
	b, err := tx.CreateBucketIfNotExists([]byte(bucket))
	if err != nil {
		return err
	}
	for k, v := range entries {
		if err := b.Put([]byte(k), v); err != nil {
			return err
		}
	}
	return nil
}
