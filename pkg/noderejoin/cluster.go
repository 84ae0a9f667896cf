package noderejoin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/etcdclient"
	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

// cluster is the one to join, seen from here.
type cluster struct {
	config etcdclient.Config
	plan   *Plan
}

// ask finds a member that serves in the right cluster, and does something with it.
func (c cluster) ask(ctx context.Context, do func(context.Context, *etcdclient.Client, etcdclient.MemberStatus) error) error {
	cfg := c.config
	cfg.Endpoints = c.plan.Endpoints
	if len(cfg.Endpoints) == 0 {
		return hint.New(fmt.Errorf("%w: none is known but this node's", ErrCluster), "name the client URL of one that serves: --endpoints https://ADDRESS:2379")
	}
	client, err := etcdclient.Dial(ctx, cfg)
	if err != nil {
		return err
	}
	defer client.Close()
	var errs []error
	for _, s := range client.Members(ctx) {
		switch {
		case s.Err != nil:
			errs = append(errs, s.Err)
		case s.Leader == 0:
			errs = append(errs, fmt.Errorf("%s sees no leader", s.Endpoint))
		case c.plan.ClusterID != "" && hexID(s.ClusterID) != c.plan.ClusterID:
			errs = append(errs, fmt.Errorf("%s is of cluster %x, not %s", s.Endpoint, s.ClusterID, c.plan.ClusterID))
		case s.Learner:
			errs = append(errs, fmt.Errorf("%s is a learner", s.Endpoint))
		default:
			return do(ctx, client, s)
		}
	}
	return hint.New(fmt.Errorf("%w: %w", ErrCluster, errors.Join(errs...)), "a cluster without a quorum takes no members: kubectl etcd-restore status")
}

// persist asks until it works, as long as the cluster may yet change its mind.
func (c cluster) persist(ctx context.Context, do func(context.Context, *etcdclient.Client, string) error) error {
	limited, cancel := context.WithTimeout(ctx, takesMembers)
	defer cancel()
	for {
		err := c.ask(limited, func(ctx context.Context, client *etcdclient.Client, s etcdclient.MemberStatus) error {
			return do(ctx, client, s.Endpoint)
		})
		if err == nil || ctx.Err() != nil {
			return cmp.Or(ctx.Err(), err)
		}
		if errors.Is(err, errHopeless) || limited.Err() != nil {
			return err
		}
		wait(limited, 500*time.Millisecond)
	}
}

// errHopeless ends persist.
var errHopeless = errors.New("it would not help to try again")

// initialCluster is what etcd wants to be told of the cluster that it joins. A member
// that has not started has no name yet: any will do.
func (p *Plan) initialCluster(members []etcdclient.Member) (string, error) {
	own, ok := p.own(members)
	if !ok {
		return "", fmt.Errorf("%w: it does not list %s", ErrCluster, p.PeerURLs[0])
	}
	var words []string
	for _, m := range members {
		name := cmp.Or(m.Name, hexID(m.ID))
		if m.ID == own.ID {
			name = p.Node.Member
		}
		for _, u := range m.PeerURLs {
			words = append(words, name+"="+u)
		}
	}
	slices.Sort(words)
	return strings.Join(words, ","), nil
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
