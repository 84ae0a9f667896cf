package noderestore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/etcd-restore/etcd-restore/pkg/controlplane"
	"github.com/etcd-restore/etcd-restore/pkg/datadir"
	"github.com/etcd-restore/etcd-restore/pkg/etcdclient"
)

// The commit point (I7) is one key in the new cluster, which is written once and says
// how the restore ended. As long as nobody has written it no API server serves the new
// data, so that all nodes can still go back. Before a node does, it makes sure that
// nobody has, see settle.
const (
	keyPrefix = "/etcd-restore/"
	committed = "committed"
	aborted   = "aborted"
)

func (m *machine) key() string { return keyPrefix + m.plan.Decision.ClusterID }

// commitServed writes it once the members serve. etcd is started again if it was
// stopped, by a node that could not settle.
func (m *machine) commitServed(ctx context.Context) error {
	etcd := m.part.pod(controlplane.Etcd)
	if in, err := m.new.Where(etcd); err != nil {
		return err
	} else if !in {
		if err := m.new.Start(ctx, etcd); err != nil {
			return err
		}
	}
	if err := m.waitMembers(ctx); err != nil {
		return err
	}
	if err := m.clientsOut(); err != nil {
		return err
	}
	return m.commit(ctx)
}

func (m *machine) commit(ctx context.Context) error {
	value, err := m.claim(ctx, m.etcd.Endpoints[0], committed)
	if err == nil && value != committed {
		err = fmt.Errorf("%w: the key %s says %q", ErrAborted, m.key(), value)
	}
	return err
}

// committed reports whether there is no way back. Where no etcd of the new cluster
// answers the log is asked; what that does not know for sure is for settle to find out.
func (m *machine) committed(ctx context.Context) (bool, error) {
	for _, endpoint := range append([]string{m.etcd.Endpoints[0]}, m.clientURLs()...) {
		value, err := m.claimed(ctx, endpoint)
		if err == nil {
			return value == committed, nil
		}
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
	}
	log, err := m.claimInLog()
	return log.value == committed && (log.sure || len(m.others()) == 0), err
}

// claim asks for the key at an endpoint. Whoever serves there must be of the new
// cluster: another node may have gone back, and the old one is not ours to write to.
func (m *machine) claim(ctx context.Context, endpoint, value string) (string, error) {
	client, err := m.dialNew(ctx, endpoint)
	if err != nil {
		return "", err
	}
	defer client.Close()
	claim, err := client.Claim(ctx, endpoint, m.key(), value)
	return claim.Value, err
}

// claimed is what the key says at an endpoint, "" if nobody has written it.
func (m *machine) claimed(ctx context.Context, endpoint string) (string, error) {
	client, err := m.dialNew(ctx, endpoint)
	if err != nil {
		return "", err
	}
	defer client.Close()
	claim, err := client.Claimed(ctx, endpoint, m.key())
	return claim.Value, err
}

// dialNew connects to an etcd of the new cluster. Close it.
func (m *machine) dialNew(ctx context.Context, endpoint string) (*etcdclient.Client, error) {
	client, err := m.dial(ctx, endpoint)
	if err != nil {
		return nil, err
	}
	s := client.Members(ctx)[0]
	if err = s.Err; err == nil && hexID(s.ClusterID) != m.plan.Decision.ClusterID {
		err = fmt.Errorf("%w: %s is of cluster %x", ErrEtcd, endpoint, s.ClusterID)
	}
	if err != nil {
		client.Close()
		return nil, err
	}
	return client, nil
}

// logged is what a log says of the key.
type logged struct {
	value string // what was written first, "" if nothing was
	sure  bool   // a majority has it; otherwise it may only be in this log
}

// claimInLog reads from this member's own log who has written the key first, if
// anybody has. The log begins with the restore, and is short. An entry that was
// replaced by another leader's, of the same index or a lower one, does not count.
func (m *machine) claimInLog() (logged, error) {
	r, err := datadir.NewReader(m.log())
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, datadir.ErrNotDataDir) {
		return logged{}, nil
	} else if err != nil {
		return logged{}, err
	}
	defer r.Close()
	value, at, commit := "", uint64(0), uint64(0)
	for {
		record, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			return logged{value, value != "" && at <= commit}, nil
		case err != nil:
			return logged{}, fmt.Errorf("look for the commit point in the log: %w", err)
		case record.State != nil:
			commit = record.State.GetCommit()
			continue
		case record.Entry == nil:
			continue
		}
		if record.Entry.GetIndex() <= at {
			value, at = "", 0
		}
		if v := m.written(record.Entry.GetData()); value == "" && v != "" {
			value, at = v, record.Entry.GetIndex()
		}
	}
}

// written is what a request writes under the key, or "".
func (m *machine) written(request []byte) string {
	if bytes.Contains(request, []byte(m.key())) {
		for _, value := range []string{committed, aborted} {
			if bytes.Contains(request, []byte(value)) {
				return value
			}
		}
	}
	return ""
}
