package restore

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/etcd-restore/etcd-restore/pkg/datadir"
	"github.com/etcd-restore/etcd-restore/pkg/internal/boltfile"
	"github.com/etcd-restore/etcd-restore/pkg/internal/courtesy"
	"github.com/etcd-restore/etcd-restore/pkg/internal/durable"
	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
)

// fill makes the contents of all dbs, which are the same.
func (r *run) fill(ctx context.Context, dbs []*durable.File) error {
	shares := len(dbs) > 1 && dbs[1].Clone(dbs[0].File) == nil // both empty: a test of the file system
	var err error
	var from int64 // below this the others have their content already
	switch {
	case r.Compact:
		err = r.fillCompact(ctx)
	case shares:
		_, err = r.fillCopy(ctx, dbs[:1])
	default:
		from, err = r.fillCopy(ctx, dbs)
	}
	if err != nil {
		return err
	}
	size, err := boltfile.SizeIn(dbs[0].File)
	if err != nil {
		return err
	}
	if err := dbs[0].Truncate(size); err != nil {
		return err
	}
	for i, f := range dbs {
		switch {
		case i == 0:
		case shares:
			err = f.Clone(dbs[0].File)
		default:
			err = r.copyRest(f, dbs[0].File, from, size)
		}
		if err == nil {
			err = r.readBack(f.Name())
		}
		if err != nil {
			return err
		}
		r.plan.Members[i].Size = size
	}
	return nil
}

// fillCopy copies the snapshot to dbs and edits the first of them. It returns
// where the edit began to append: a copied db can have much room behind its last
// page, and that is where the pages of the edit go.
func (r *run) fillCopy(ctx context.Context, dbs []*durable.File) (appended int64, err error) {
	size, d, err := r.copySnapshot(ctx, dbs)
	if err != nil {
		return 0, err
	}
	r.plan.Snapshot.Size = size
	if err := r.acceptDigest(d); err != nil {
		return 0, err
	}
	decided, err := r.inspect(ctx, dbs[0].Name(), d.state)
	if err != nil {
		return 0, err
	}
	if appended, err = boltfile.SizeIn(dbs[0].File); err != nil {
		return 0, err
	}
	return appended, r.edit(dbs[0].Name(), decided)
}

// copySnapshot reads the snapshot once for hashing and all copies, or lets the
// first db share its blocks and hashes those: then nobody can change meanwhile
// what is hashed.
func (r *run) copySnapshot(ctx context.Context, dbs []*durable.File) (size int64, d digest, err error) {
	src, err := r.source()
	if err != nil {
		return 0, digest{}, err
	}
	defer src.Close()
	r.Progress.Start("restoring", src.Size)
	defer r.Progress.Finish()
	if file, ok := src.Reader.(*os.File); ok && dbs[0].Clone(file) == nil {
		courtesy.Forget(file) // the copy has pages of its own
		size, d, err = copyAll(ctx, dbs[0].File, nil, r.Progress)
	} else {
		size, d, err = copyAll(ctx, src, dbs, r.Progress)
	}
	if err != nil {
		return 0, digest{}, err
	}
	if size == 0 {
		return 0, digest{}, hint.New(fmt.Errorf("%w: %s is empty", snapshot.ErrNotSnapshot, r.Path), "look at what should have written it")
	}
	for _, f := range dbs {
		if err := f.Truncate(size); err != nil {
			return 0, digest{}, err
		}
	}
	return size, d, nil
}

// fillCompact writes the live part of the snapshot to the first db.
func (r *run) fillCompact(ctx context.Context) error {
	f, err := r.open()
	if err != nil {
		return err
	}
	defer f.Close()
	if !f.HasTrailer() {
		if err := r.acceptTrailer(snapshot.TrailerMissing); err != nil {
			return err
		}
		if err := f.CheckStructure(ctx, r.Progress); err != nil {
			return err
		}
	}
	d, err := r.decide(f, r.now)
	if err != nil {
		return err
	}
	r.plan.settle(f, d)

	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		sum, state, err := f.Digest(ctx)
		if err != nil {
			return err
		}
		return r.acceptDigest(digest{sum, state})
	})
	g.Go(func() error { return r.compact(ctx, f, r.members[0].db(), d) })
	if err := g.Wait(); err != nil {
		return err
	}
	return f.Unchanged() // what was hashed is what was written
}

// acceptDigest records the digest and refuses one that is not right.
func (r *run) acceptDigest(d digest) error {
	r.plan.Snapshot.SHA256, r.plan.Snapshot.Trailer = d.sum, d.state
	if err := r.acceptSum(d.sum); err != nil {
		return err
	}
	return r.acceptTrailer(d.state)
}

// acceptSum refuses a snapshot other than the expected one.
func (r *run) acceptSum(sum string) error {
	if r.ExpectSHA256 == "" || strings.EqualFold(r.ExpectSHA256, sum) {
		return nil
	}
	return hint.New(fmt.Errorf("%w: the SHA-256 of %s is %s, expected is %s", ErrOther, r.Path, sum, r.ExpectSHA256),
		"all members must be restored from the same file: copy it here from the host that made the decision")
}

// acceptTrailer refuses a snapshot whose hash does not match, always, and one
// without a hash unless that was said to be all right.
func (r *run) acceptTrailer(state snapshot.Trailer) error {
	if state == snapshot.TrailerMissing && r.SkipHashCheck {
		return nil
	}
	return snapshot.TrailerError(r.Path, state)
}

// inspect opens the copy of the snapshot and decides what to make of it. What no
// hash vouches for is checked page by page first.
func (r *run) inspect(ctx context.Context, path string, state snapshot.Trailer) (decision, error) {
	f, err := snapshot.OpenAs(r.Path, path)
	if err != nil {
		return decision{}, err
	}
	defer f.Close()
	if state == snapshot.TrailerMissing {
		if err := f.CheckStructure(ctx, r.Progress); err != nil {
			return decision{}, err
		}
	}
	d, err := r.decide(f, r.now)
	if err != nil {
		return decision{}, err
	}
	size := r.plan.Snapshot.Size
	r.plan.settle(f, d)
	r.plan.Snapshot.Size = size
	return d, nil
}

// copyRest completes a copy that has the bytes of the snapshot already: what the
// edit changed are the two meta pages and what it appended.
func (r *run) copyRest(dst *durable.File, src *os.File, from, size int64) error {
	r.FS.At("write", dst.Name())
	ranges := [][2]int64{{from, size}}
	if from > 0 {
		ranges = append(ranges, [2]int64{0, min(2*boltfile.MaxPageSize, from)})
	}
	for _, rg := range ranges {
		w := io.NewOffsetWriter(dst.File, rg[0])
		if _, err := io.Copy(w, io.NewSectionReader(src, rg[0], rg[1]-rg[0])); err != nil {
			return err
		}
	}
	return dst.Truncate(size)
}

// readBack opens the finished db as etcd would and fails unless it says what was
// decided.
func (r *run) readBack(path string) error {
	f, err := snapshot.OpenAs(r.Path, path)
	if err != nil {
		return err
	}
	defer f.Close()
	facts, err := f.Facts()
	if err != nil {
		return err
	}
	view, err := f.Keyspace()
	if err != nil {
		return err
	}
	var ids []uint64
	for _, m := range facts.Members {
		ids = append(ids, m.ID)
	}
	want := append(r.Cluster.Voters(), r.Cluster.Learners()...)
	slices.Sort(ids)
	slices.Sort(want)
	switch {
	case !slices.Equal(ids, want):
		return fmt.Errorf("%w: the edited db has members %x, not %x", snapshot.ErrCorrupt, ids, want)
	case facts.ConsistentIndex != datadir.InitialIndex(r.Cluster):
		return fmt.Errorf("%w: the edited db ends at log entry %d", snapshot.ErrCorrupt, facts.ConsistentIndex)
	case view.Revision() != r.plan.Revision.Restored:
		return fmt.Errorf("%w: the edited db is at revision %d, not %d", snapshot.ErrCorrupt, view.Revision(), r.plan.Revision.Restored)
	}
	return nil
}
