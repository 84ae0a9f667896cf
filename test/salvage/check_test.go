package salvage

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// requireJournal wants all that was acknowledged in the evidence, and nothing
// in it that nobody asked for.
func requireJournal(t *testing.T, who string, j *journal, e evidence) {
	t.Helper()
	if j.surprise != nil {
		t.Errorf("before the disaster: %v", j.surprise)
	}
	problems := j.check(e)
	for i, p := range problems {
		if i == 10 {
			t.Errorf("%s: and %d more", who, len(problems)-i)
			return
		}
		t.Errorf("%s: %s", who, p)
	}
}

// check holds the evidence against the journal and returns every contradiction.
func (j *journal) check(e evidence) []string {
	c := checker{evidence: e, ended: j.ended, unclaimed: maps.Clone(e.events), foreign: make(map[clientv3.LeaseID]bool)}
	for id := range e.leases {
		c.foreign[id] = true
	}
	remaining := make(map[string][]*mvccpb.KeyValue)
	for _, kv := range e.keys {
		prefix := kv.Key[:strings.LastIndex(string(kv.Key), "/")+1]
		remaining[string(prefix)] = append(remaining[string(prefix)], kv)
	}
	for _, l := range j.lives {
		c.life(l, remaining[l.prefix])
		delete(remaining, l.prefix)
	}
	for prefix, kvs := range remaining {
		c.problem("%d keys below %q belong to nobody, %s among them", len(kvs), prefix, kvs[0].Key)
	}
	for rev, events := range c.unclaimed {
		c.problem("revision %d is nobody's: %s", rev, describe(events))
	}
	for id := range c.foreign {
		c.problem("lease %x is nobody's", id)
	}
	return c.problems
}

// checker claims pieces of evidence for lives. What is left is foreign.
type checker struct {
	evidence
	ended     time.Time
	unclaimed map[int64][]*mvccpb.Event
	foreign   map[clientv3.LeaseID]bool
	problems  []string
}

func (c *checker) problem(format string, args ...any) {
	c.problems = append(c.problems, fmt.Sprintf(format, args...))
}

// life checks one life: the revisions of all its requests, and what they leave.
func (c *checker) life(l *life, kvs []*mvccpb.KeyValue) {
	for id := range l.grants() {
		delete(c.foreign, id)
	}
	s := newState()
	for _, a := range l.acks {
		if len(a.changes) > 0 && a.rev > c.rev {
			c.problem("%s was acknowledged at revision %d, there is nothing above %d", a.what, a.rev, c.rev)
			return
		}
		if events := s.apply(a.request, a.rev); len(events) > 0 && a.rev > c.compacted {
			c.claim(a, events)
		}
	}
	outcomes := []*state{s}
	if l.unknown != nil {
		outcomes = append(outcomes, c.unknown(s, *l.unknown, kvs))
	}
	if l.ttl > 0 && c.ended.Sub(l.granted) >= l.ttl {
		outcomes = append(outcomes, newState())
		c.claimExpiry(outcomes)
	}
	c.requireOutcome(l, outcomes, kvs)
}

// claim wants the events of a request at the revision of its acknowledgement.
func (c *checker) claim(a ack, want []*mvccpb.Event) {
	if got := c.unclaimed[a.rev]; !sameEvents(want, got) {
		c.problem("%s was acknowledged at revision %d: want %s, got %s", a.what, a.rev, describe(want), describe(got))
		return
	}
	delete(c.unclaimed, a.rev)
}

// unknown is the state if the request with the unknown outcome was done after
// all, and claims the one revision that may have been its work.
func (c *checker) unknown(s *state, r request, kvs []*mvccpb.KeyValue) *state {
	for rev, got := range c.unclaimed {
		after := s.clone()
		if len(r.changes) > 0 && sameEvents(after.apply(r, rev), got) {
			delete(c.unclaimed, rev)
			return after
		}
	}
	after := s.clone()
	after.apply(r, revisionOf(r, kvs)) // its revision may be compacted
	return after
}

// revisionOf is the revision that a request has left on the keys it put.
func revisionOf(r request, kvs []*mvccpb.KeyValue) int64 {
	for _, ch := range r.changes {
		for _, kv := range kvs {
			if string(kv.Key) == ch.key && string(kv.Value) == ch.value {
				return kv.ModRevision
			}
		}
	}
	return 0
}

// claimExpiry claims the revision at which an old lease took all keys along.
func (c *checker) claimExpiry(outcomes []*state) {
	for rev, got := range c.unclaimed {
		for _, o := range outcomes {
			if want := o.vanish(rev); len(want) > 0 && sameEvents(want, got) {
				delete(c.unclaimed, rev)
				return
			}
		}
	}
}

// vanish is the events of a revision that deletes all keys.
func (s *state) vanish(rev int64) []*mvccpb.Event {
	var r request
	for k := range s.keys {
		r.changes = append(r.changes, change{key: k, deleted: true})
	}
	return s.clone().apply(r, rev)
}

// requireOutcome wants keys and leases to be those of one of the outcomes.
func (c *checker) requireOutcome(l *life, outcomes []*state, kvs []*mvccpb.KeyValue) {
	var diffs []string
	for _, o := range outcomes {
		diff := c.diff(l, o, kvs)
		if diff == "" {
			return
		}
		diffs = append(diffs, diff)
	}
	c.problem("%s is in none of its %d possible states: %s", l.prefix, len(outcomes), strings.Join(diffs, "; or "))
}

// diff compares one outcome with the evidence.
func (c *checker) diff(l *life, o *state, kvs []*mvccpb.KeyValue) string {
	left := maps.Clone(o.keys)
	for _, kv := range kvs {
		want := left[string(kv.Key)]
		if want == nil {
			return fmt.Sprintf("%s should not exist", kv.Key)
		}
		if !sameKV(want, kv) {
			return fmt.Sprintf("want %v, got %v", brief(want), brief(kv))
		}
		delete(left, string(kv.Key))
	}
	for _, kv := range left {
		return fmt.Sprintf("%s is missing", brief(kv))
	}
	return c.diffLeases(l, o)
}

// diffLeases wants the leases of the life to be those of the outcome, with its
// keys attached.
func (c *checker) diffLeases(l *life, o *state) string {
	if c.leases == nil {
		return ""
	}
	for id := range l.grants() {
		keys, exists := c.leases[id]
		if exists != o.leases[id] {
			return fmt.Sprintf("lease %x exists: %t, want %t", id, exists, o.leases[id])
		}
		if want := o.attached(id); exists && !slices.Equal(want, keys) {
			return fmt.Sprintf("lease %x has the keys %s, want %s", id, keys, want)
		}
	}
	return ""
}

// grants is every lease that the life asked for.
func (l *life) grants() map[clientv3.LeaseID]bool {
	ids := make(map[clientv3.LeaseID]bool)
	for _, a := range l.acks {
		ids[a.grants] = true
	}
	if l.unknown != nil {
		ids[l.unknown.grants] = true
	}
	delete(ids, 0)
	return ids
}

func (s *state) attached(id clientv3.LeaseID) []string {
	keys := []string{}
	for k, kv := range s.keys {
		if kv.Lease == int64(id) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return keys
}

func describe(events []*mvccpb.Event) string {
	if len(events) == 0 {
		return "nothing"
	}
	var all []string
	for _, e := range events {
		all = append(all, e.Type.String()+" "+brief(e.Kv))
	}
	return strings.Join(all, ", ")
}

// brief names a key and all that a write decides, but for the padding.
func brief(kv *mvccpb.KeyValue) string {
	value, _, _ := strings.Cut(string(kv.Value), " ")
	return fmt.Sprintf("%s=%s (created %d, changed %d, version %d, lease %x)",
		kv.Key, value, kv.CreateRevision, kv.ModRevision, kv.Version, kv.Lease)
}
