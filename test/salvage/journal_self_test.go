package salvage

import (
	"bytes"
	"maps"
	"slices"
	"testing"

	"go.etcd.io/etcd/api/v3/mvccpb"

	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// TestJournalNotices alters what a real cluster holds, one piece at a time. A
// journal that finds nothing wrong with it would prove nothing.
func TestJournalNotices(t *testing.T) {
	t.Parallel()
	s := newScene(t, etcdtest.V37, seed(t), plan{})
	s.work(t, 3)
	s.await(t, 400)
	w := s.newWriter(t, "lender") // whatever the others have left
	w.begin()
	w.must(t, w.grant())
	w.must(t, w.put(w.key(), w.lease()))
	s.disaster(t)
	var e evidence
	s.quorum(t, s.cluster.Members[:2], func(m *etcdtest.Member) {
		e = gather(t, m, m.Revision(t))
	})
	requireJournal(t, "etcd itself", s.journal, e)
	last := s.journal.lastAck()
	for name, alter := range alterations(last) {
		altered := e.clone()
		alter(&altered)
		if problems := s.journal.check(altered); len(problems) == 0 {
			t.Errorf("%s: not noticed", name)
		}
	}
}

// lastAck is the acknowledged change with the highest revision.
func (j *journal) lastAck() ack {
	var last ack
	for _, l := range j.lives {
		for _, a := range l.acks {
			if len(a.changes) > 0 && a.rev > last.rev {
				last = a
			}
		}
	}
	return last
}

func alterations(last ack) map[string]func(*evidence) {
	return map[string]func(*evidence){
		"the last acknowledged revision is gone": func(e *evidence) { e.rev = last.rev - 1; delete(e.events, last.rev) },
		"its events are gone":                    func(e *evidence) { delete(e.events, last.rev) },
		"one event of a transaction is gone": func(e *evidence) {
			for rev, events := range e.events {
				if len(events) > 1 {
					e.events[rev] = events[1:]
					return
				}
			}
		},
		"it happened twice":        func(e *evidence) { e.events[e.rev+1] = e.events[last.rev] },
		"a key is gone":            func(e *evidence) { e.keys = e.keys[1:] },
		"a key of nobody":          func(e *evidence) { e.keys = append(e.keys, &mvccpb.KeyValue{Key: []byte("x/0000/00")}) },
		"a deleted key is back":    func(e *evidence) { e.keys = append(e.keys, newKey(e.keys[0])) },
		"a value is another":       func(e *evidence) { e.change(func(kv *mvccpb.KeyValue) { kv.Value = []byte("y") }) },
		"a version is another":     func(e *evidence) { e.change(func(kv *mvccpb.KeyValue) { kv.Version++ }) },
		"a key is created earlier": func(e *evidence) { e.change(func(kv *mvccpb.KeyValue) { kv.CreateRevision-- }) },
		"a key is changed later":   func(e *evidence) { e.change(func(kv *mvccpb.KeyValue) { kv.ModRevision++ }) },
		"a key has lost its lease": func(e *evidence) { e.change(func(kv *mvccpb.KeyValue) { kv.Lease ^= 1 }) },
		"a lease of nobody":        func(e *evidence) { e.leases[1] = []string{} },
		"a lease is gone": func(e *evidence) {
			for id := range e.leases {
				delete(e.leases, id)
				return
			}
		},
		"a lease has lost its keys": func(e *evidence) {
			for id, keys := range e.leases {
				if len(keys) > 0 {
					e.leases[id] = keys[1:]
				}
			}
		},
	}
}

func (e evidence) clone() evidence {
	e.events, e.keys, e.leases = maps.Clone(e.events), slices.Clone(e.keys), maps.Clone(e.leases)
	return e
}

// change alters the first key.
func (e *evidence) change(f func(*mvccpb.KeyValue)) {
	kv := e.keys[0]
	e.keys[0] = &mvccpb.KeyValue{
		Key: bytes.Clone(kv.Key), Value: kv.Value, Lease: kv.Lease,
		CreateRevision: kv.CreateRevision, ModRevision: kv.ModRevision, Version: kv.Version,
	}
	f(e.keys[0])
}

// newKey is a key of the same writer that it has not got.
func newKey(kv *mvccpb.KeyValue) *mvccpb.KeyValue {
	return &mvccpb.KeyValue{Key: append(bytes.Clone(kv.Key), '!'), Value: kv.Value, CreateRevision: 2, ModRevision: 2, Version: 1}
}
