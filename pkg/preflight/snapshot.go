package preflight

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/etcd-restore/etcd-restore/pkg/encryptioncheck"
	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
	"github.com/etcd-restore/etcd-restore/pkg/restore"
	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
)

// contents is what a snapshot holds, or why that is not known.
type contents struct {
	size  int64
	whole bool // the file is the database, byte for byte: it is not compressed
	facts snapshot.Facts

	report *snapshot.Report
	err    error

	encrypted    *encryptioncheck.Result // nil: not looked at
	encryptedErr error                   // why
}

// contents reads the snapshot, once: the file is large, and may be compressed.
func (s *subject) contents(ctx context.Context) *contents {
	if s.file == nil {
		s.file = &contents{}
		if s.Snapshot.Elsewhere {
			s.file.size, s.file.whole, s.file.err = s.Snapshot.Size, true, errElsewhere
		} else {
			s.file.err = s.read(ctx)
		}
	}
	return s.file
}

// errElsewhere is why a snapshot cannot be read that is not here yet.
var errElsewhere = errors.New("the snapshot is not on this node yet")

func (s *subject) read(ctx context.Context) error {
	c, from := s.file, s.Snapshot
	f, err := snapshot.Open(from.Path)
	if err != nil {
		return err
	}
	defer f.Close()
	c.size = f.Size()
	if info, err := os.Stat(from.Path); err == nil {
		c.whole = info.Size() == c.size || f.HasTrailer() && info.Size() == c.size+snapshot.TrailerSize
	}
	if c.report, err = f.Verify(ctx, from.Progress); err != nil {
		return err
	}
	if !c.report.OK() {
		return nil
	}
	c.encrypted, c.encryptedErr = s.survey(ctx, f)
	c.facts, err = f.Facts()
	return err
}

// maxListed is how many findings of a snapshot are listed.
const maxListed = 5

// snapshotIntegrity reads the whole file: hash, pages, records.
func (s *subject) snapshotIntegrity(ctx context.Context) []Finding {
	c := s.contents(ctx)
	if s.Snapshot.Elsewhere {
		return skip("%w", errElsewhere)
	}
	if c.err != nil {
		return bad(or(c.err, "give the path of a snapshot that can be read here: ls -l %s", hint.Path(s.Snapshot.Path)))
	}
	var found []Finding
	for i, f := range c.report.Findings {
		err := fmt.Errorf("%s: %s: %s", s.Snapshot.Path, f.Where, f.What)
		switch {
		case f.Where == "trailer": // below
			continue
		case i >= maxListed:
			return append(found, bad(s.corrupt(fmt.Errorf("and %d more findings", len(c.report.Findings)-i)))...)
		case f.Severity == snapshot.Error:
			found = append(found, bad(s.corrupt(err))...)
		default:
			found = append(found, warn(err)...)
		}
	}
	if c.report.Trailer != snapshot.TrailerMissing || !s.Snapshot.SkipHashCheck {
		found = append(found, bad(snapshot.TrailerError(s.Snapshot.Path, c.report.Trailer))...)
	}
	if want := s.Snapshot.SHA256; want != "" && !strings.EqualFold(want, c.report.SHA256) {
		found = append(found, bad(hint.New(fmt.Errorf("%w: the SHA-256 of %s is %s, the plan says %s", restore.ErrOther, s.Snapshot.Path, c.report.SHA256, want),
			"all members must be restored from the same file: copy it here from the host where the plan was made"))...)
	}
	return found
}

func (s *subject) corrupt(err error) error {
	return hint.New(fmt.Errorf("%w: %w", snapshot.ErrCorrupt, err), "use another snapshot, or copy this one again from where it came")
}

// usable is the snapshot, or why a check must skip it.
func (s *subject) usable(ctx context.Context) (*contents, error) {
	c := s.contents(ctx)
	switch {
	case s.Snapshot.Elsewhere:
		return nil, errElsewhere
	case c.err != nil || !c.report.OK():
		return nil, errors.New("the snapshot cannot be read, see SnapshotIntegrity")
	}
	return c, nil
}

// sized is the snapshot, of which the size will do, or why a check must skip it.
func (s *subject) sized(ctx context.Context) (*contents, error) {
	if s.Snapshot.Elsewhere {
		return s.contents(ctx), nil
	}
	return s.usable(ctx)
}

// quota compares the snapshot with the limit at which etcd stops taking writes. It
// would come up, raise an alarm, and refuse the API server's first write.
func (s *subject) quota(ctx context.Context) []Finding {
	limit := s.Facts.Etcd.Quota
	switch {
	case s.Facts.Etcd.Err != nil || limit == 0:
		return skip("the quota is not known, see EtcdFlags")
	case limit < 0: // no limit
		return nil
	}
	c, err := s.sized(ctx)
	if err != nil {
		return skip("%w", err)
	}
	const remedy = "raise --quota-backend-bytes in %s, to %d say, or defragment etcd before the next snapshot"
	manifest, more := hint.Path(s.Facts.Etcd.File.Path), max(2*c.size, 8<<30)
	switch {
	case c.size >= limit:
		return bad(hint.New(fmt.Errorf("%w: it has %d bytes, --quota-backend-bytes allows %d", ErrQuota, c.size, limit), remedy, manifest, more))
	case c.size > limit/5*4:
		return warn(hint.New(fmt.Errorf("%w soon: it has %d bytes, --quota-backend-bytes allows %d", ErrQuota, c.size, limit), remedy, manifest, more))
	}
	return nil
}
