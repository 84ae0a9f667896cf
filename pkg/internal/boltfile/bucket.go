package boltfile

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
)

// maxDepth bounds every descent. A tree with two children per page and 2^48
// pages is no deeper; a cycle is.
const maxDepth = 48

// Bucket is one top-level bucket.
type Bucket struct {
	Name   string
	root   uint64 // page of its root, or 0 if inline
	parent uint64 // page its header was found on
	inline []byte
}

// Buckets lists the top-level buckets in key order.
func (f *File) Buckets() ([]Bucket, error) {
	var list []Bucket
	err := f.Guard(func() error {
		s := f.NewScan(context.Background(), Scan{})
		return s.descend(f.meta.Root, bounds{}, 0, func(p page, e element) error {
			b, err := newBucket(p, e)
			list = append(list, b)
			return err
		})
	})
	return list, err
}

// Bucket finds a top-level bucket by name.
func (f *File) Bucket(name string) (b Bucket, found bool, err error) {
	list, err := f.Buckets()
	if err != nil {
		return Bucket{}, false, err
	}
	for _, b := range list {
		if b.Name == name {
			return b, true, nil
		}
	}
	return Bucket{}, false, nil
}

func newBucket(p page, e element) (Bucket, error) {
	if !e.bucket {
		return Bucket{}, p.damage("top-level key %q is not a bucket", e.key)
	}
	if len(e.value) < 16 {
		return Bucket{}, p.damage("header of bucket %q is cut short", e.key)
	}
	return Bucket{
		Name:   string(e.key),
		root:   binary.LittleEndian.Uint64(e.value),
		parent: p.id,
		inline: e.value[16:],
	}, nil
}

// Get returns the value of key in b, and whether it is there.
func (f *File) Get(b Bucket, key []byte) (value []byte, found bool, err error) {
	err = f.Guard(func() error {
		p, err := f.leafOf(b, func(p page) (element, error) { return p.childFor(key) })
		if err != nil {
			return err
		}
		for i := range p.count {
			e, err := p.leaf(i)
			if err != nil {
				return err
			}
			if c := bytes.Compare(e.key, key); c >= 0 {
				value, found = e.value, c == 0
				break
			}
		}
		return nil
	})
	return value, found, err
}

// Last returns the last key of b and its value, both nil if b is empty.
func (f *File) Last(b Bucket) (key, value []byte, err error) {
	err = f.Guard(func() error {
		p, err := f.leafOf(b, func(p page) (element, error) { return p.branch(p.count - 1) })
		if err != nil || p.count == 0 {
			return err
		}
		e, err := p.leaf(p.count - 1)
		key, value = e.key, e.value
		return err
	})
	return key, value, err
}

// leafOf descends from the root of b to the leaf page that choose leads to.
func (f *File) leafOf(b Bucket, choose func(branch page) (element, error)) (page, error) {
	p, err := f.bucketRoot(b)
	for range maxDepth {
		if err == nil {
			err = p.fits()
		}
		if err != nil || p.flags == flagLeaf {
			return p, err
		}
		if p.flags != flagBranch || p.count == 0 {
			return page{}, p.damage("is no branch page with children (flags %#x, %d children)", p.flags, p.count)
		}
		e, err := choose(p)
		if err != nil {
			return page{}, err
		}
		p, err = f.page(e.child)
		if err != nil {
			return page{}, err
		}
	}
	return page{}, p.damage("lies deeper than %d pages", maxDepth)
}

func (f *File) bucketRoot(b Bucket) (page, error) {
	if b.root == 0 {
		return inline(b.parent, b.inline)
	}
	return f.page(b.root)
}

// childFor returns the element of a branch page under which key belongs.
func (p page) childFor(key []byte) (element, error) {
	lo, hi := 0, p.count // the last child whose key is not above key lies in [lo, hi)
	for hi-lo > 1 {
		mid := (lo + hi) / 2
		e, err := p.branch(mid)
		if err != nil {
			return element{}, err
		}
		if bytes.Compare(e.key, key) <= 0 {
			lo = mid
		} else {
			hi = mid
		}
	}
	return p.branch(lo)
}

// Guard runs fn, which reads keys or values of the file, and turns the fault
// of a file that was truncated meanwhile into an error.
func (f *File) Guard(fn func() error) error {
	if err := f.m.guard(fn); err != nil {
		return fmt.Errorf("read database: %w", err)
	}
	return nil
}

// Walk visits every element of b in key order, stopping at the first damage.
func (f *File) Walk(b Bucket, visit func(key, value []byte) error) error {
	return f.NewScan(context.Background(), Scan{}).Walk(b, visit)
}
