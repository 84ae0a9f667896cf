package noderestore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/controlplane"
	"github.com/etcd-restore/etcd-restore/pkg/datadir"
	"github.com/etcd-restore/etcd-restore/pkg/membership"
	"github.com/etcd-restore/etcd-restore/pkg/rendezvous"
)

// turn is how long a node waits for each of those that start before it, besides the time
// that the database takes to open. It is an offer, no condition: the one before may never
// come.
const turn = 8 * time.Second

// openingRate is how many bytes of a database etcd opens and checks in a second, on a
// machine that is slow.
const openingRate = 256 << 20

// awaitTurn waits until the etcds of all members before this one serve their peers.
//
// kubeadm has etcd check at its start whether it holds what its peers do
// (InitialCorruptCheck): before it serves, it asks one peer after the other for a hash.
// A peer that is not there refuses at once. One that listens and does not serve yet, since
// it is asking as well, costs 7 s (etcd's Config.ReqTimeout; initialCheck in
// server/etcdserver/corrupt.go): of three that start at the same moment each takes 14 s.
// One after the other takes a second or two for each.
func (m *machine) awaitTurn(ctx context.Context) error {
	before := m.before()
	if in, err := m.new.Where(m.part.pod(controlplane.Etcd)); err != nil || in || len(before) == 0 {
		return err
	}
	client, err := m.caller()
	if err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, (m.turn+m.opening())*time.Duration(len(before)))
	defer cancel()
	var peers []string
	for _, e := range before {
		peers = append(peers, e.PeerURLs[0])
	}
	err = client.Wait(limited, peers, func(answers []rendezvous.Answer) (bool, error) {
		all := true
		for i, a := range answers {
			if m.seesBack(before[i].Name, a) {
				return false, fmt.Errorf("%w: %s", ErrAborted, before[i].Name)
			}
			all = all && m.isThrough(a)
		}
		return all, nil
	})
	if errors.Is(err, ErrAborted) || ctx.Err() != nil {
		return err
	}
	return nil
}

// opening is how long an etcd takes to open the new database: about as long as any other's.
// What cannot be looked at takes no time: etcd will say what is wrong with it.
func (m *machine) opening() time.Duration {
	largest := int64(0)
	for _, dir := range []string{m.part.NewData, m.part.OldData} { // they may have changed names
		if info, err := os.Stat(datadir.DBPath(dir)); err == nil {
			largest = max(largest, info.Size())
		}
	}
	return time.Duration(largest/openingRate) * time.Second
}

// before are the members before this one, in the order that all nodes have from the
// decision.
func (m *machine) before() []membership.Member {
	cluster, err := m.plan.Decision.Cluster()
	if err != nil { // it was read before, in Decode
		return nil
	}
	at := slices.IndexFunc(cluster.Members, func(e membership.Member) bool { return e.Name == m.part.Member })
	return cluster.Members[:max(at, 0)]
}
