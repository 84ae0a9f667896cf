package salvage

import (
	"context"
	"fmt"
	"sync"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// change is what a request does to one key.
type change struct {
	key, value string
	lease      clientv3.LeaseID
	deleted    bool
}

// request is one request to etcd and all that it does when it is done. Its
// writer knows that beforehand, being alone with its keys and leases.
type request struct {
	what    string
	changes []change
	grants  clientv3.LeaseID
	revokes clientv3.LeaseID
	send    func(context.Context, *clientv3.Client) (*pb.ResponseHeader, error)
}

// ack is a request that etcd has acknowledged at a revision.
type ack struct {
	request
	rev int64
}

// life is what one writer did to keys and leases that are its alone, one
// request at a time. It ends with the first request whose outcome is unknown:
// whatever becomes of that one, nothing acknowledged came after it.
type life struct {
	prefix  string
	acks    []ack
	unknown *request

	granted time.Time     // before its lease was asked for, if it has one that nobody keeps alive
	ttl     time.Duration // of that lease; zero: none
}

// journal collects the lives of all writers.
type journal struct {
	mu       sync.Mutex
	lives    []*life
	acked    int
	awaited  []awaited
	surprise error     // a writer saw what cannot be
	ended    time.Time // when the last member was gone
}

// awaited is closed at the acknowledgement that it waits for.
type awaited struct {
	count  int
	closed chan struct{}
}

// begin starts a life.
func (j *journal) begin(writer string) *life {
	j.mu.Lock()
	defer j.mu.Unlock()
	l := &life{prefix: fmt.Sprintf("%s/%04d/", writer, len(j.lives))}
	j.lives = append(j.lives, l)
	return l
}

// acknowledged counts, so that the moment of a disaster can be a number of
// acknowledgements instead of a time.
func (j *journal) acknowledged(l *life, r request, rev int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	l.acks = append(l.acks, ack{r, rev})
	j.acked++
	for _, a := range j.awaited {
		if a.count == j.acked {
			close(a.closed)
		}
	}
}

// after is closed once count more requests than now have been acknowledged.
func (j *journal) after(count int) <-chan struct{} {
	j.mu.Lock()
	defer j.mu.Unlock()
	a := awaited{j.acked + count, make(chan struct{})}
	j.awaited = append(j.awaited, a)
	return a.closed
}

// impossible records what no healthy cluster does.
func (j *journal) impossible(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.surprise == nil {
		j.surprise = fmt.Errorf(format, args...)
	}
}

// end records that etcd is gone: no lease expires any more.
func (j *journal) end() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.ended = time.Now()
}

// do sends a request, and records how it ended. It tells whether the life goes on.
func (j *journal) do(ctx context.Context, client *clientv3.Client, l *life, r request) bool {
	header, err := r.send(ctx, client)
	if err != nil {
		l.unknown = &r // read again only when all writers have ended
		return false
	}
	j.acknowledged(l, r, header.Revision)
	return true
}

// state is what a life's requests make of its keys and leases.
type state struct {
	keys   map[string]*mvccpb.KeyValue
	leases map[clientv3.LeaseID]bool
}

func newState() *state {
	return &state{make(map[string]*mvccpb.KeyValue), make(map[clientv3.LeaseID]bool)}
}

func (s *state) clone() *state {
	c := newState()
	for k, kv := range s.keys {
		c.keys[k] = kv // never changed, only replaced
	}
	for id := range s.leases {
		c.leases[id] = true
	}
	return c
}

// apply does what etcd does when the request gets revision rev, and returns the
// events of that revision.
func (s *state) apply(r request, rev int64) []*mvccpb.Event {
	var events []*mvccpb.Event
	for _, ch := range r.changes {
		events = append(events, s.change(ch, rev))
	}
	if r.grants != 0 {
		s.leases[r.grants] = true
	}
	delete(s.leases, r.revokes)
	return events
}

func (s *state) change(ch change, rev int64) *mvccpb.Event {
	if ch.deleted {
		delete(s.keys, ch.key)
		return &mvccpb.Event{Type: mvccpb.Event_DELETE, Kv: &mvccpb.KeyValue{Key: []byte(ch.key), ModRevision: rev}}
	}
	kv := &mvccpb.KeyValue{
		Key: []byte(ch.key), Value: []byte(ch.value), Lease: int64(ch.lease),
		CreateRevision: rev, ModRevision: rev, Version: 1,
	}
	if before := s.keys[ch.key]; before != nil {
		kv.CreateRevision, kv.Version = before.CreateRevision, before.Version+1
	}
	s.keys[ch.key] = kv
	return &mvccpb.Event{Type: mvccpb.Event_PUT, Kv: kv}
}
