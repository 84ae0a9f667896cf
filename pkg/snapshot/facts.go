package snapshot

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/etcd-restore/etcd-restore/pkg/internal/boltfile"
	"github.com/etcd-restore/etcd-restore/pkg/schema"
)

// Facts are what the small buckets of a database say of the cluster it is from.
type Facts struct {
	Members         []schema.Member `json:"members"`
	Alarms          []Alarm         `json:"alarms"`
	Auth            Auth            `json:"auth"`
	ConsistentIndex uint64          `json:"consistentIndex"` // last raft entry applied
	Term            uint64          `json:"term"`            // its term, 0 before 3.5
	StorageVersion  string          `json:"storageVersion"`  // since 3.6
	ClusterVersion  string          `json:"clusterVersion"`
	Downgrading     bool            `json:"downgrading"` // a downgrade was under way
}

// Alarm is an alarm raised when the snapshot was taken.
type Alarm struct {
	MemberID uint64 `json:"memberID"`
	Alarm    string `json:"alarm"` // NOSPACE, CORRUPT
}

// Auth is the state of authentication.
type Auth struct {
	Enabled  bool   `json:"enabled"`
	Revision uint64 `json:"revision"`
}

// Facts reads all buckets but the key bucket, those it knows nothing about
// included: after it they are known to be trees, which bbolt takes for granted
// and would follow round a circle until memory ends. They have few pages.
func (s *File) Facts() (Facts, error) {
	r := factReader{db: s.db, facts: Facts{Members: []schema.Member{}, Alarms: []Alarm{}}}
	if err := r.read(); err != nil {
		return Facts{}, s.explain(err)
	}
	return r.facts, nil
}

type factReader struct {
	db    *boltfile.File
	facts Facts
}

func (r *factReader) read() error {
	scan := r.db.NewScan(context.Background(), boltfile.Scan{})
	buckets, err := scan.Buckets()
	if err != nil {
		return err
	}
	handle := map[string]func(k, v []byte) error{
		schema.MetaBucket:    r.meta,
		schema.ClusterBucket: r.cluster,
		schema.AuthBucket:    r.auth,
		schema.MembersBucket: func(k, v []byte) error {
			m, err := schema.ParseMember(k, v)
			r.facts.Members = append(r.facts.Members, m)
			return err
		},
		schema.AlarmBucket: func(k, _ []byte) error {
			a, err := schema.ParseAlarm(k)
			r.facts.Alarms = append(r.facts.Alarms, Alarm{a.MemberID, a.String()})
			return err
		},
	}
	for _, b := range buckets {
		if b.Name == schema.KeyBucket {
			continue
		}
		visit := handle[b.Name]
		if visit == nil {
			visit = func(_, _ []byte) error { return nil }
		}
		if err := scan.Walk(b, visit); err != nil {
			return fmt.Errorf("bucket %s: %w", b.Name, err)
		}
	}
	return nil
}

func (r *factReader) meta(k, v []byte) (err error) {
	switch string(k) {
	case schema.ConsistentIndexKey:
		r.facts.ConsistentIndex, err = schema.ParseIndex(string(k), v)
	case schema.TermKey:
		r.facts.Term, err = schema.ParseIndex(string(k), v)
	case schema.StorageVersionKey:
		r.facts.StorageVersion = string(v)
	}
	return err
}

func (r *factReader) cluster(k, v []byte) error {
	switch string(k) {
	case schema.ClusterVersionKey:
		r.facts.ClusterVersion = string(v)
	case schema.DowngradeKey:
		enabled, err := schema.ParseDowngrade(v)
		r.facts.Downgrading = enabled
		return err
	}
	return nil
}

func (r *factReader) auth(k, v []byte) error {
	switch string(k) {
	case schema.AuthEnabledKey:
		r.facts.Auth.Enabled = len(v) == 1 && v[0] == 1
	case schema.AuthRevisionKey:
		if len(v) != 8 {
			return fmt.Errorf("%w: authRevision has %d bytes, not 8", schema.ErrMalformed, len(v))
		}
		r.facts.Auth.Revision = binary.BigEndian.Uint64(v)
	}
	return nil
}
