package noderestore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/etcd-restore/etcd-restore/pkg/datadir"
	"github.com/etcd-restore/etcd-restore/pkg/workflow"
)

// The commit point (I7) is one key in the new cluster, which is written once and says
// how the restore ended. As long as nobody has written it no API server serves the new
// data, so that all nodes can still go back.
const (
	keyPrefix = "/etcd-restore/"
	committed = "committed"
	aborted   = "aborted"
)

func (m *machine) key() string { return keyPrefix + m.plan.Decision.ClusterID }

// commitServed writes it once etcd is as it was when it was started: a run that is
// resumed after a power cut finds it on its way up.
func (m *machine) commitServed(ctx context.Context) error {
	if err := m.waitEtcd(ctx, m.restored); err != nil {
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

// committed reports whether there is no way back. Where etcd does not answer its log
// is asked.
func (m *machine) committed(ctx context.Context) (bool, error) {
	client, endpoint, err := m.dialEtcd(ctx)
	if err == nil {
		defer client.Close()
		claim, err := client.Claimed(ctx, endpoint, m.key())
		if err == nil {
			return claim.Value == committed, nil
		}
	}
	value, err := m.claimInLog()
	return value == committed, err
}

// abort takes the commit point away from the other nodes before this one goes back,
// and must not go back if one of them has committed already. If
// none of them answers there is no quorum, and the log of this node must do: whatever a
// majority has agreed on is in the logs of a majority, so that not so many nodes can go
// back wrongly that the old cluster gets a quorum.
func (m *machine) abort(ctx context.Context) error {
	if len(m.others()) == 0 {
		return nil
	}
	value := ""
	for _, endpoint := range append([]string{m.etcd.Endpoints[0]}, m.clientURLs()...) {
		var err error
		if value, err = m.claim(ctx, endpoint, aborted); err == nil {
			break
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	if value == "" {
		var err error
		if value, err = m.claimInLog(); err != nil {
			return err
		}
	}
	if value == committed {
		return fmt.Errorf("%w: another node has finished the restore", workflow.ErrCommitted)
	}
	return nil
}

// claim asks for the key at an endpoint. Whoever serves there must be of the new
// cluster: another node may have gone back, and the old one is not ours to write to.
func (m *machine) claim(ctx context.Context, endpoint, value string) (string, error) {
	client, err := m.dial(ctx, endpoint)
	if err != nil {
		return "", err
	}
	defer client.Close()
	switch s := client.Members(ctx)[0]; {
	case s.Err != nil:
		return "", s.Err
	case hexID(s.ClusterID) != m.plan.Decision.ClusterID:
		return "", fmt.Errorf("%w: %s is of cluster %x", ErrEtcd, endpoint, s.ClusterID)
	}
	claim, err := client.Claim(ctx, endpoint, m.key(), value)
	return claim.Value, err
}

// claimInLog reads from this member's own log who has written the key first, if
// anybody has. The log begins with the restore, and is short. An entry that was
// replaced by another leader's, of the same index or a lower one, does not count.
func (m *machine) claimInLog() (string, error) {
	dir := m.log()
	r, err := datadir.NewReader(dir)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, datadir.ErrNotDataDir) {
		return "", nil
	} else if err != nil {
		return "", err
	}
	defer r.Close()
	value, at := "", uint64(0)
	for {
		record, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			return value, nil
		case err != nil:
			return "", fmt.Errorf("look for the commit point in the log: %w", err)
		case record.Entry == nil:
			continue
		}
		if record.Entry.GetIndex() <= at {
			value, at = "", 0
		}
		if v := m.claimed(record.Entry.GetData()); value == "" && v != "" {
			value, at = v, record.Entry.GetIndex()
		}
	}
}

// claimed is what a request writes under the key, or "".
func (m *machine) claimed(request []byte) string {
	if bytes.Contains(request, []byte(m.key())) {
		for _, value := range []string{committed, aborted} {
			if bytes.Contains(request, []byte(value)) {
				return value
			}
		}
	}
	return ""
}
