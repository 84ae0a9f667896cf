package kubeobject

import (
	"context"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/etcd-restore/etcd-restore/pkg/keyspace"
)

// Options say what of a keyspace is looked at.
type Options struct {
	Revision  int64  // the state at it, 0 for the current one
	Prefix    string // --etcd-prefix of the API servers; empty: found out
	Decrypter Decrypter
	Progress  keyspace.Progress
}

// Summary is what fills a database.
type Summary struct {
	Prefix    string // below which the API servers write
	Revision  int64  // what is live is so at this one
	Current   int64
	Compacted int64
	Usage     []Usage // by resource, in order of their names; foreign keys come last
}

// Usage is what one resource takes.
type Usage struct {
	Resource    schema.GroupResource
	Foreign     bool  // no resource: the first element of other keys
	Objects     int   // live
	Size        int64 // bytes of their records
	History     int   // records that are not live: older and newer states, deletes
	HistorySize int64
}

// Total is the sum of all resources.
func (s *Summary) Total() (t Usage) {
	for _, u := range s.Usage {
		t.Objects += u.Objects
		t.Size += u.Size
		t.History += u.History
		t.HistorySize += u.HistorySize
	}
	return t
}

// Summarize counts what there is, without a look at any value.
func Summarize(ctx context.Context, view *keyspace.View, o Options) (*Summary, error) {
	c, err := count(ctx, view, o, false)
	if err != nil {
		return nil, err
	}
	return c.summary(), nil
}

// maxForeign is how many kinds of foreign keys are told apart.
const maxForeign = 50

// other is where the rest of them goes.
const other = "(other)"

// counter counts records by resource.
type counter struct {
	layout *Layout
	head   Summary
	dirs   map[string]int // place in usage
	places map[counted]int
	usage  []Usage
	alien  int // of usage
	keep   bool
	live   []entry // if kept, from the last change to the first
}

// counted is what records are counted by.
type counted struct {
	resource schema.GroupResource
	foreign  bool
}

// count visits all records. If there is nothing below the usual prefix, it looks
// for the prefix and starts again.
func count(ctx context.Context, view *keyspace.View, o Options, keep bool) (*counter, error) {
	prefix := o.Prefix
	if prefix == "" {
		prefix = DefaultPrefix
	}
	at, err := view.Resolve(o.Revision)
	if err != nil {
		return nil, err
	}
	layout := NewLayout(prefix)
	c := &counter{
		layout: layout,
		head:   Summary{Prefix: layout.Prefix(), Revision: at, Current: view.Revision(), Compacted: view.Compacted()},
		dirs:   map[string]int{},
		places: map[counted]int{},
		keep:   keep,
	}
	found := ""
	err = view.History(ctx, at, o.Progress, func(change keyspace.Change) error {
		key := string(change.Key)
		dir, _ := c.layout.split(key)
		i := c.place(dir)
		c.usage[i].add(change)
		if c.keep && change.Live {
			c.live = append(c.live, newEntry(key, len(dir), i, change))
		}
		if at, ok := strings.CutSuffix(key, "/namespaces/kube-system"); ok && c.usage[i].Foreign {
			found = at
		}
		return nil
	})
	if err == nil && o.Prefix == "" && found != "" && c.alien == len(c.usage) {
		o.Prefix = found
		return count(ctx, view, o, keep)
	}
	return c, err
}

func (u *Usage) add(c keyspace.Change) {
	if c.Live {
		u.Objects++
		u.Size += c.Size
	} else {
		u.History++
		u.HistorySize += c.Size
	}
}

// place finds the usage of keys with a dir.
func (c *counter) place(dir string) int {
	if i, ok := c.dirs[dir]; ok {
		return i
	}
	resource, foreign := c.layout.resource(dir)
	if foreign && c.alien >= maxForeign || resource.Resource == "" {
		resource.Resource = other
	}
	i, known := c.places[counted{resource, foreign}]
	if !known {
		i = len(c.usage)
		c.places[counted{resource, foreign}] = i
		c.usage = append(c.usage, Usage{Resource: resource, Foreign: foreign})
		if foreign {
			c.alien++
		}
	}
	if resource.Resource != other {
		c.dirs[strings.Clone(dir)] = i
	}
	return i
}

func (c *counter) summary() *Summary {
	s := c.head
	s.Usage = slices.Clone(c.usage)
	slices.SortFunc(s.Usage, func(a, b Usage) int {
		if a.Foreign != b.Foreign {
			if a.Foreign {
				return 1
			}
			return -1
		}
		return strings.Compare(a.Resource.String(), b.Resource.String())
	})
	return &s
}
