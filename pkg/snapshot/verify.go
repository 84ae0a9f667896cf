package snapshot

import (
	"context"
	"errors"
	"fmt"

	"github.com/etcd-restore/etcd-restore/pkg/internal/boltfile"
	"github.com/etcd-restore/etcd-restore/pkg/internal/keyset"
	"github.com/etcd-restore/etcd-restore/pkg/schema"
)

// Severity tells a finding that forbids a restore from one that does not.
type Severity string

// The severities.
const (
	Error   Severity = "error"   // do not restore this file
	Warning Severity = "warning" // it can be restored; know this
)

// Finding is one thing wrong with a snapshot.
type Finding struct {
	Severity Severity `json:"severity"`
	Where    string   `json:"where"` // "trailer", "page 17", "bucket key"
	What     string   `json:"what"`
}

// maxFindings bounds the errors on the list, and the warnings. A file with more
// errors is not read to its end; further warnings are left out.
const maxFindings = 1000

// Report is the outcome of [File.Verify].
type Report struct {
	Findings  []Finding `json:"findings"`
	Truncated bool      `json:"truncated"` // there were too many to list all
	SHA256    string    `json:"sha256"`    // of the database, in hex
	Trailer   Trailer   `json:"trailer"`
	Records   int       `json:"records"` // entries of the key bucket
	Leases    int       `json:"leases"`
}

// OK reports whether the snapshot may be restored.
func (r *Report) OK() bool {
	for _, f := range r.Findings {
		if f.Severity == Error {
			return false
		}
	}
	return true
}

// Verify checks everything that can be checked without a server: the trailer,
// every page and element, the order and form of the revision keys, that every
// value decodes and agrees with its key, and the small buckets. It returns an
// error only if the file could not be read; what is wrong with it is in the report.
func (s *File) Verify(ctx context.Context, p Progress) (*Report, error) {
	digest := s.startDigest(ctx)
	defer digest.abort()
	report, err := s.check(ctx, p)
	if err != nil {
		return nil, err
	}
	if err := digest.wait(); err != nil {
		return nil, err
	}
	report.SHA256, report.Trailer = digest.sum, digest.state
	switch digest.state {
	case TrailerMismatched:
		report.Findings = append([]Finding{{Error, "trailer", "the SHA-256 of the database is not the one in the trailer"}}, report.Findings...)
	case TrailerMissing:
		report.Findings = append([]Finding{{Warning, "trailer", "there is none: a copy of member/snap/db, or a snapshot cut by 32 bytes; changed bits in values cannot be told"}}, report.Findings...)
	}
	return report, s.Unchanged()
}

// CheckStructure is [File.Verify] without the hash, for a database whose hash is
// known or that has none. It fails on the first finding that forbids a restore.
func (s *File) CheckStructure(ctx context.Context, p Progress) error {
	report, err := s.check(ctx, p)
	if err != nil {
		return err
	}
	for _, f := range report.Findings {
		if f.Severity == Error {
			return s.explain(fmt.Errorf("%s: %w: %s", f.Where, schema.ErrMalformed, f.What))
		}
	}
	return s.Unchanged()
}

func (s *File) check(ctx context.Context, p Progress) (*Report, error) {
	c := &checker{s: s, report: &Report{Findings: []Finding{}}, count: map[Severity]int{}, leases: map[int64]struct{}{}, orphans: keyset.New()}
	err := c.run(ctx, p)
	if errors.Is(err, errTooMany) {
		err = nil
	}
	return c.report, s.explain(err)
}

var errTooMany = errors.New("too many findings")

// checker collects findings over one pass.
type checker struct {
	s       *File
	report  *Report
	count   map[Severity]int
	leases  map[int64]struct{}
	orphans *keyset.Set // keys whose lease does not exist
	members map[uint64]bool
}

// add records a finding. It fails when there are too many errors; too many
// warnings must not end the search for the first error.
func (c *checker) add(sev Severity, where, format string, args ...any) error {
	if c.count[sev] >= maxFindings {
		c.report.Truncated = true
		if sev == Warning {
			return nil
		}
		return errTooMany
	}
	c.count[sev]++
	c.report.Findings = append(c.report.Findings, Finding{sev, where, fmt.Sprintf(format, args...)})
	return nil
}

func (c *checker) run(ctx context.Context, p Progress) error {
	if stale := c.s.db.StaleMeta(); stale != nil {
		if err := c.add(Error, "meta", "%v; etcd would open the state before the last commit", stale); err != nil {
			return err
		}
	}
	opts := boltfile.Scan{Damaged: func(d *boltfile.Damage) error {
		return c.add(Error, fmt.Sprintf("page %d", d.Page), "%s", d.Text)
	}}
	if p != nil {
		p.Start("verifying", c.s.db.Size())
		defer p.Finish()
		opts.Progress = p.Add
	}
	scan := c.s.db.NewScan(ctx, opts)
	buckets, err := scan.Buckets()
	if err != nil {
		return err
	}
	for _, b := range inOrder(buckets) {
		if err := c.bucket(scan, b); err != nil {
			return err
		}
	}
	if err := c.missing(buckets); err != nil {
		return err
	}
	return scan.CheckFree()
}

// inOrder puts the leases first, so that keys can be checked against them.
func inOrder(buckets []boltfile.Bucket) []boltfile.Bucket {
	var first, rest []boltfile.Bucket
	for _, b := range buckets {
		if b.Name == schema.LeaseBucket {
			first = append(first, b)
		} else {
			rest = append(rest, b)
		}
	}
	return append(first, rest...)
}

// missing reports buckets without which no etcd 3.4 or later would have written
// the file.
func (c *checker) missing(buckets []boltfile.Bucket) error {
	have := map[string]bool{}
	for _, b := range buckets {
		have[b.Name] = true
	}
	for _, name := range []string{schema.KeyBucket, schema.MetaBucket} {
		if !have[name] {
			if err := c.add(Error, "bucket "+name, "there is none: this is no database of etcd 3.4 to 3.7"); err != nil {
				return err
			}
		}
	}
	return nil
}
