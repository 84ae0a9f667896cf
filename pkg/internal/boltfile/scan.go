package boltfile

import "context"

// Scan is one pass over the file, bucket by bucket. It remembers which pages it
// has seen, so that a page reached twice, and with it every cycle, is damage.
type Scan struct {
	Reverse  bool                // visit elements from the last to the first
	Progress func(n int64)       // told the bytes of every page; may be nil
	Damaged  func(*Damage) error // nil: the first damage ends the scan; otherwise it goes on past it while this returns nil

	f    *File
	ctx  context.Context
	seen bitmap
	told int64 // to Progress
}

// NewScan prepares a pass with the options in opts. It ends early with the
// error of ctx.
func (f *File) NewScan(ctx context.Context, opts Scan) *Scan {
	s := opts
	s.f, s.ctx, s.seen = f, ctx, newBitmap(f.meta.Pages)
	return &s
}

// Buckets lists the top-level buckets. Unlike [File.Buckets] it counts the
// pages they are listed on as seen and can go on past damage.
func (s *Scan) Buckets() (list []Bucket, err error) {
	err = s.f.Guard(func() error {
		return s.descend(s.f.meta.Root, bounds{}, 0, func(p page, e element) error {
			b, err := newBucket(p, e)
			if err != nil {
				return s.damaged(err)
			}
			list = append(list, b)
			return nil
		})
	})
	return list, err
}

// Walk visits every element of b in key order. The slices stay valid until the
// file is closed.
func (s *Scan) Walk(b Bucket, visit func(key, value []byte) error) error {
	each := func(p page, e element) error {
		if e.bucket {
			return s.damaged(p.damage("bucket %q holds a bucket %q; etcd nests none", b.Name, e.key))
		}
		return visit(e.key, e.value)
	}
	return s.f.Guard(func() error {
		if b.root != 0 {
			return s.descend(b.root, bounds{}, 0, each)
		}
		p, err := inline(b.parent, b.inline)
		if err != nil {
			return s.damaged(err)
		}
		return s.leaf(p, bounds{}, each)
	})
}

func (s *Scan) tell(n int64) {
	if s.Progress != nil {
		s.Progress(n)
	}
	s.told += n
}

type visitor func(p page, e element) error

// descend visits the page id and all below it, whose keys must lie within in.
func (s *Scan) descend(id uint64, in bounds, depth int, visit visitor) error {
	if err := s.ctx.Err(); err != nil {
		return err
	}
	p, err := s.f.page(id)
	if err != nil {
		return s.damaged(err)
	}
	for i := range uint64(len(p.data) / s.f.meta.PageSize) {
		if s.seen.set(id + i) {
			return s.damaged(p.damage("is reached twice (page %d of it)", id+i))
		}
	}
	s.tell(int64(len(p.data)))
	switch {
	case p.flags == flagLeaf && p.count == 0 && id != s.f.meta.Root:
		return s.damaged(p.damage("is a leaf page without elements")) // bbolt frees such a page
	case p.flags == flagLeaf:
		return s.leaf(p, in, visit)
	case p.flags != flagBranch:
		return s.damaged(p.damage("has page flags %#x, neither branch nor leaf", p.flags))
	case depth >= maxDepth:
		return s.damaged(p.damage("lies deeper than %d pages", maxDepth))
	}
	return s.branch(p, in, depth, visit)
}

func (s *Scan) branch(p page, in bounds, depth int, visit visitor) error {
	if err := p.checkBranch(in); err != nil {
		if err := s.damaged(err); err != nil {
			return err
		}
	}
	return s.each(p, func(i int) error {
		e, err := p.branch(i)
		if err != nil {
			return s.damaged(err)
		}
		below := bounds{lo: e.key, hi: in.hi}
		if i+1 < p.count {
			if next, err := p.branch(i + 1); err == nil {
				below.hi = next.key
			}
		}
		return s.descend(e.child, below, depth+1, visit)
	})
}

func (s *Scan) leaf(p page, in bounds, visit visitor) error {
	if err := p.checkLeaf(in); err != nil {
		if err := s.damaged(err); err != nil {
			return err
		}
	}
	return s.each(p, func(i int) error {
		e, err := p.leaf(i)
		if err != nil {
			return s.damaged(err)
		}
		return visit(p, e)
	})
}

// each calls do with the index of every element in the direction of the scan.
func (s *Scan) each(p page, do func(i int) error) error {
	if p.fits() != nil {
		return nil // reported by the check of the page
	}
	for n := range p.count {
		i := n
		if s.Reverse {
			i = p.count - 1 - n
		}
		if err := do(i); err != nil {
			return err
		}
	}
	return nil
}

// damaged hands damage to whoever collects it. Any other error ends the scan.
func (s *Scan) damaged(err error) error {
	d, ok := err.(*Damage)
	if !ok || s.Damaged == nil {
		return err
	}
	return s.Damaged(d)
}
