package salvage

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// requestTimeout ends a request that a dying cluster does not answer.
const requestTimeout = 5 * time.Second

// forever is the time to live of leases that are not to expire in a test.
const forever = 3600

// writer sends random requests for keys and leases of its own.
type writer struct {
	name    string
	client  *clientv3.Client
	journal *journal
	random  *rand.Rand
	revokes bool

	life  *life
	state *state
	seq   int
}

// run lives one life after the other until ctx ends.
func (w *writer) run(ctx context.Context) {
	for ctx.Err() == nil {
		w.begin()
		for w.do(ctx, w.next()) {
		}
	}
}

// begin begins a life.
func (w *writer) begin() { w.life, w.state = w.journal.begin(w.name), newState() }

// do sends one request, and tells whether this life goes on.
func (w *writer) do(ctx context.Context, r request) bool {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	if !w.journal.do(ctx, w.client, w.life, r) {
		return false
	}
	w.state.apply(r, w.last())
	return true
}

// last is the revision of the last acknowledgement.
func (w *writer) last() int64 { return w.life.acks[len(w.life.acks)-1].rev }

// next decides what to do.
func (w *writer) next() request {
	w.seq++
	switch n := w.random.IntN(100); {
	case n < 45:
		return w.put(w.key(), 0)
	case n < 58:
		return w.putLeased()
	case n < 78:
		return w.transaction()
	case n < 84:
		return w.refused()
	case n < 92:
		return w.delete(w.key(), "")
	case n < 94:
		prefix := w.life.prefix + fmt.Sprint(w.random.IntN(2))
		return w.delete(prefix, clientv3.GetPrefixRangeEnd(prefix))
	case n < 98 || !w.revokes:
		return w.grant()
	default:
		return w.revoke()
	}
}

// key is one of a few, so that they change, vanish and come back.
func (w *writer) key() string { return fmt.Sprintf("%s%02d", w.life.prefix, w.random.IntN(16)) }

// value is like no other, and now and then larger than a page of the WAL.
func (w *writer) value() string {
	size := w.random.IntN(200)
	if w.random.IntN(20) == 0 {
		size = 4096 + w.random.IntN(8192)
	}
	return fmt.Sprintf("%s%d %s", w.life.prefix, w.seq, strings.Repeat("x", size))
}

func (w *writer) put(key string, lease clientv3.LeaseID) request {
	return w.putValue(key, w.value(), lease)
}

func (w *writer) putValue(key, value string, lease clientv3.LeaseID) request {
	ch := change{key: key, value: value, lease: lease}
	return request{
		what:    "put " + key,
		changes: []change{ch},
		send: func(ctx context.Context, c *clientv3.Client) (*pb.ResponseHeader, error) {
			resp, err := c.Do(ctx, ch.op())
			if err != nil {
				return nil, err
			}
			return resp.Put().Header, nil
		},
	}
}

// op is the operation that makes the change.
func (ch change) op() clientv3.Op {
	if ch.deleted {
		return clientv3.OpDelete(ch.key)
	}
	return clientv3.OpPut(ch.key, ch.value, clientv3.WithLease(ch.lease))
}

func (w *writer) putLeased() request {
	if lease := w.lease(); lease != 0 {
		return w.put(w.key(), lease)
	}
	return w.grant()
}

// lease is one of the living, or zero if there is none.
func (w *writer) lease() clientv3.LeaseID {
	var ids []clientv3.LeaseID
	for id := range w.state.leases {
		ids = append(ids, id)
	}
	if len(ids) == 0 {
		return 0
	}
	slices.Sort(ids) // the order of a map is no part of the seed
	return ids[w.random.IntN(len(ids))]
}

// transaction changes several keys if one of them is as this writer left it.
func (w *writer) transaction() request {
	var changes []change
	for _, n := range w.random.Perm(16)[:2+w.random.IntN(4)] {
		ch := change{key: fmt.Sprintf("%s%02d", w.life.prefix, n), value: w.value()}
		if before := w.state.keys[ch.key]; before != nil && w.random.IntN(4) == 0 {
			ch = change{key: ch.key, deleted: true}
		}
		changes = append(changes, ch)
	}
	return w.compare(changes[0].key, 0, changes)
}

// refused is a transaction whose condition does not hold: it changes one key,
// not the ones it would have changed otherwise.
func (w *writer) refused() request {
	key := w.key()
	return w.compare(key, 1, []change{{key: key, value: w.value()}})
}

// compare is a transaction that makes changes in the branch it takes: the first,
// unless the revision it expects of key is off the real one. The other branch
// must leave no trace.
func (w *writer) compare(key string, off int64, changes []change) request {
	var before int64
	if kv := w.state.keys[key]; kv != nil {
		before = kv.ModRevision
	}
	var ops []clientv3.Op
	for _, ch := range changes {
		ops = append(ops, ch.op())
	}
	taken, other := append(ops, clientv3.OpGet(key)), []clientv3.Op{clientv3.OpPut(w.life.prefix+"never", "")}
	txn := [2][]clientv3.Op{taken, other}
	if off != 0 {
		txn = [2][]clientv3.Op{other, taken}
	}
	return request{
		what:    fmt.Sprintf("transaction with %d changes", len(changes)),
		changes: changes,
		send: func(ctx context.Context, c *clientv3.Client) (*pb.ResponseHeader, error) {
			resp, err := c.Txn(ctx).If(clientv3.Compare(clientv3.ModRevision(key), "=", before+off)).Then(txn[0]...).Else(txn[1]...).Commit()
			if err != nil {
				return nil, err
			}
			if resp.Succeeded != (off == 0) {
				w.journal.impossible("%s is not at revision %d where its only writer left it", key, before)
			}
			return resp.Header, nil
		},
	}
}

// delete deletes a key, or all from key to end.
func (w *writer) delete(key, end string) request {
	opts := []clientv3.OpOption{}
	if end != "" {
		opts = append(opts, clientv3.WithRange(end))
	}
	r := request{what: "delete " + key}
	for k := range w.state.keys {
		if k == key || end != "" && k >= key && k < end {
			r.changes = append(r.changes, change{key: k, deleted: true})
		}
	}
	r.send = func(ctx context.Context, c *clientv3.Client) (*pb.ResponseHeader, error) {
		resp, err := c.Delete(ctx, key, opts...)
		if err != nil {
			return nil, err
		}
		if resp.Deleted != int64(len(r.changes)) {
			w.journal.impossible("%s deleted %d keys, there were %d", r.what, resp.Deleted, len(r.changes))
		}
		return resp.Header, nil
	}
	return r
}

func (w *writer) grant() request {
	return grant(clientv3.LeaseID(1+w.random.Int64N(1<<62)), forever)
}

// grant grants a lease under an ID that is known even if nobody answers.
func grant(id clientv3.LeaseID, ttl int64) request {
	return request{
		what:   fmt.Sprintf("grant of lease %x", id),
		grants: id,
		send: func(ctx context.Context, c *clientv3.Client) (*pb.ResponseHeader, error) {
			resp, err := clientv3.RetryLeaseClient(c).LeaseGrant(ctx, &pb.LeaseGrantRequest{ID: int64(id), TTL: ttl})
			return resp.GetHeader(), err
		},
	}
}

// revoke revokes a lease, and its keys go with it.
func (w *writer) revoke() request {
	id := w.lease()
	if id == 0 {
		return w.put(w.key(), 0)
	}
	r := request{what: fmt.Sprintf("revocation of lease %x", id), revokes: id}
	for k, kv := range w.state.keys {
		if kv.Lease == int64(id) {
			r.changes = append(r.changes, change{key: k, deleted: true})
		}
	}
	r.send = func(ctx context.Context, c *clientv3.Client) (*pb.ResponseHeader, error) {
		resp, err := c.Revoke(ctx, id)
		if err != nil {
			return nil, err
		}
		return resp.Header, nil
	}
	return r
}
