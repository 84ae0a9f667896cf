package preflight

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync"
	"syscall"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

// reachTimeout is how long another node may take to answer.
const reachTimeout = 3 * time.Second

// membersReachable wants to get to the peer addresses of the other members: with
// everything stopped it is too late to find out that the nodes cannot meet there. That
// nobody listens is an answer, too: the etcd of that node may be dead.
func (s *subject) membersReachable(ctx context.Context) []Finding {
	if s.Unplanned || s.Cluster == nil || s.Facts.Etcd.Err != nil {
		return noPlan()
	}
	var errs []error
	var lock sync.Mutex
	var all sync.WaitGroup
	for _, m := range s.Cluster.Members {
		if m.Name == s.Facts.Etcd.Name {
			continue
		}
		all.Go(func() {
			if err := reach(ctx, m.PeerURLs[0]); err != nil {
				lock.Lock()
				defer lock.Unlock()
				errs = append(errs, hint.New(fmt.Errorf("%w: no way from here to member %s at %s: %w", ErrNode, m.Name, m.PeerURLs[0], err),
					"mend the network between the nodes, or leave that one out: --exclude-node %s", hint.Path(m.Name)))
			}
		})
	}
	all.Wait()
	return bad(errs...)
}

func reach(ctx context.Context, peerURL string) error {
	u, err := url.Parse(peerURL)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", u.Host)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return nil
	} else if err != nil {
		return err
	}
	return conn.Close()
}
