package encryptioncheck

import (
	"cmp"
	"errors"
	"fmt"
	"math/bits"
	"slices"

	"github.com/etcd-restore/etcd-restore/pkg/encryption"
	"github.com/etcd-restore/etcd-restore/pkg/kubeobject"
)

// ErrNonsense is for what a key has decrypted that is no object. aescbc authenticates
// nothing, so that another key may go unnoticed up to here; by the API server it would
// not.
var ErrNonsense = fmt.Errorf("%w, what it makes of the value is no object", encryption.ErrWrongKey)

// Group is all values of a resource that one key has encrypted, or that none has.
type Group struct {
	Resource string            // "secrets", "deployments.apps"
	Stored   encryption.Stored // zero: not encrypted
	Values   int
	Tried    int    // of them
	Failed   int    // of those tried
	Err      error  // of the first that failed
	Key      string // in etcd, of the first that failed
}

// Readable is true for a group of which every value that was tried could be read.
func (g Group) Readable() bool { return g.Err == nil }

// Unknown is true for a group of which only a KMS plugin knows whether it can be read.
func (g Group) Unknown() bool { return errors.Is(g.Err, encryption.ErrPlugin) }

// Encrypted is false for what anybody can read.
func (g Group) Encrypted() bool { return g.Stored != encryption.Stored{} }

// survey sorts values into groups, of a few words each.
type survey struct {
	config *encryption.Config
	all    bool
	groups map[groupKey]*Group
}

type groupKey struct {
	resource string
	stored   encryption.Stored
}

func newSurvey(c *encryption.Config, all bool) *survey {
	return &survey{config: c, all: all, groups: map[groupKey]*Group{}}
}

// maxGroups bounds what a snapshot that somebody has made up can take of memory.
const maxGroups = 10_000

// others is the resource of what is in none of these groups.
const others = "(others)"

// add counts a value at a key in etcd. It tries the first value of a group, the second,
// the fourth, the eighth and so on, or all of them.
func (s *survey) add(resource string, etcdKey, value []byte) {
	stored, _ := encryption.Parse(value)
	g := s.group(groupKey{resource, stored})
	g.Values++
	if s.all || bits.OnesCount(uint(g.Values)) == 1 {
		g.try(s.config, resource, etcdKey, value)
	}
}

func (s *survey) group(key groupKey) *Group {
	g := s.groups[key]
	if g == nil && len(s.groups) >= maxGroups {
		key = groupKey{resource: others}
		g = s.groups[key]
	}
	if g == nil {
		g = &Group{Resource: key.resource, Stored: key.stored}
		s.groups[key] = g
	}
	return g
}

func (g *Group) try(c *encryption.Config, resource string, etcdKey, value []byte) {
	g.Tried++
	plain, err := c.Decrypt(resource, etcdKey, value)
	if err == nil && g.Encrypted() && !kubeobject.IsObject(plain) {
		err = fmt.Errorf("%w: %s: %w", encryption.ErrUnreadable, g.Stored, ErrNonsense)
	}
	if err == nil {
		return
	}
	if g.Failed++; g.Err == nil {
		g.Err, g.Key = err, string(etcdKey)
	}
}

// result is all groups: by resource, what is not encrypted first.
func (s *survey) result() []Group {
	list := make([]Group, 0, len(s.groups))
	for _, g := range s.groups {
		list = append(list, *g)
	}
	slices.SortFunc(list, func(a, b Group) int {
		return cmp.Or(cmp.Compare(a.Resource, b.Resource), cmp.Compare(a.Stored.Provider, b.Stored.Provider),
			cmp.Compare(a.Stored.Version, b.Stored.Version), cmp.Compare(a.Stored.Key, b.Stored.Key), cmp.Compare(a.Stored.KeyID, b.Stored.KeyID))
	})
	return list
}
