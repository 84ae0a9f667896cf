package etcdclient

import (
	"context"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

// Key is a key with the revisions of its creation and of its last change.
type Key struct {
	Key         []byte
	Create, Mod int64
}

// keysPage is how many keys are asked for at a time.
const keysPage = 5000

// Keys visits all keys that begin with prefix in their order, without their values, as
// they are at one revision, which it returns.
func (c *Client) Keys(ctx context.Context, endpoint, prefix string, visit func(Key) error) (revision int64, err error) {
	m, err := c.member(endpoint)
	if err != nil {
		return 0, err
	}
	from, end := prefix, clientv3.GetPrefixRangeEnd(prefix)
	if prefix == "" {
		from = "\x00" // the first key there can be; an empty one is refused
	}
	for {
		r, err := c.get(ctx, m, from, clientv3.WithRange(end), clientv3.WithKeysOnly(), clientv3.WithLimit(keysPage), clientv3.WithRev(revision))
		if err != nil {
			return 0, hint.New(err, "if history was compacted meanwhile, run it again")
		}
		if revision == 0 {
			revision = r.Header.Revision
		}
		for _, kv := range r.Kvs {
			if err := visit(Key{kv.Key, kv.CreateRevision, kv.ModRevision}); err != nil {
				return 0, err
			}
		}
		if !r.More || len(r.Kvs) == 0 {
			return revision, nil
		}
		from = string(r.Kvs[len(r.Kvs)-1].Key) + "\x00"
	}
}

// Value is what a key holds at a revision, nil if it is not there.
func (c *Client) Value(ctx context.Context, endpoint, key string, revision int64) ([]byte, error) {
	m, err := c.member(endpoint)
	if err != nil {
		return nil, err
	}
	r, err := c.get(ctx, m, key, clientv3.WithRev(revision))
	if err != nil || len(r.Kvs) == 0 {
		return nil, err
	}
	return r.Kvs[0].Value, nil
}

func (c *Client) get(ctx context.Context, m *member, key string, opts ...clientv3.OpOption) (*clientv3.GetResponse, error) {
	short, cancel := c.short(ctx)
	defer cancel()
	r, err := m.client.Get(short, key, opts...)
	return r, m.explain(ctx, err)
}
