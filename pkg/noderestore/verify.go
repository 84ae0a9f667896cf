package noderestore

import (
	"context"
	"errors"
	"fmt"

	"github.com/etcd-restore/etcd-restore/pkg/apiserver"
	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
	"github.com/etcd-restore/etcd-restore/pkg/revision"
)

// ErrNotCompacted is returned when the new cluster still serves the old history, so
// that a client could go on as if nothing had happened.
var ErrNotCompacted = errors.New("the old history is still served")

// waitReady waits until the node's own API server says that it is ready.
func (m *machine) waitReady(ctx context.Context) error {
	return m.askAPI(ctx, (*apiserver.Client).WaitReady)
}

// credentials makes sure that there are some for the API server, before anything is
// begun: behind the commit point a run that has none can neither end nor go back.
func (m *machine) credentials() error {
	var last error
	for _, kubeconfig := range m.Kubeconfigs {
		client, err := apiserver.Dial(kubeconfig, apiserver.Options{Server: m.server})
		if err == nil {
			client.Close()
			return nil
		}
		if last == nil { // the others are there in case it may not
			last = err
		}
	}
	return last
}

// askAPI asks with the first of the node's credentials that may. A snapshot from before
// Kubernetes 1.29 does not know the group of those in admin.conf.
func (m *machine) askAPI(ctx context.Context, ask func(*apiserver.Client, context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, m.Timeout)
	defer cancel()
	var last error
	for _, kubeconfig := range m.Kubeconfigs {
		client, err := apiserver.Dial(kubeconfig, apiserver.Options{Server: m.server})
		if err == nil {
			err = ask(client, ctx)
			client.Close()
		}
		if err == nil || !errors.Is(err, apiserver.ErrForbidden) && !errors.Is(err, apiserver.ErrCredentials) {
			return err
		}
		last = err
	}
	return last
}

// checkRevision asks both etcd and the API server where they are (I5).
func (m *machine) checkRevision(ctx context.Context) error {
	if _, err := m.census(ctx); err != nil {
		return err
	}
	return m.askAPI(ctx, func(client *apiserver.Client, ctx context.Context) error {
		now, err := client.Revision(ctx)
		if err == nil && now <= m.plan.Decision.Proof.Highest {
			err = fmt.Errorf("%w: the API server is at %d, and the old cluster had reached %d", revision.ErrNotCleared, now, m.plan.Decision.Proof.Highest)
		}
		return err
	})
}

// checkWatches tries to go on from the last revision of the old cluster, as a client
// would that has slept through it all: etcd and the API server must both refuse.
func (m *machine) checkWatches(ctx context.Context) error {
	last := m.plan.Decision.Proof.Highest
	client, endpoint, err := m.dialEtcd(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	compacted, err := client.Compacted(ctx, endpoint, last)
	if err != nil {
		return err
	}
	if !compacted {
		return hint.New(fmt.Errorf("%w by etcd at revision %d", ErrNotCompacted, last), "restart every client of the API server, controllers and kubelets first")
	}
	return m.askAPI(ctx, func(client *apiserver.Client, ctx context.Context) error { return client.Canary(ctx, last) })
}
