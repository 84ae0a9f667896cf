package noderestore

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/etcdclient"
	"github.com/etcd-restore/etcd-restore/pkg/rendezvous"
)

// restoredHere asks the node's own etcd whether it serves the new cluster.
func (m *machine) restoredHere(ctx context.Context) error {
	client, _, err := m.dialEtcd(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	return m.isRestored(client.Members(ctx)[0], m.memberID())
}

// census asks all members whether they serve the new cluster. It returns the names of
// those that do not, or an error if the node's own does not, or no quorum.
func (m *machine) census(ctx context.Context) (missing []string, err error) {
	others := m.others()
	if err := m.restoredHere(ctx); err != nil || len(others) == 0 {
		return nil, err
	}
	if err := m.askWhere(ctx); err != nil {
		return nil, err
	}
	cfg := m.etcd
	cfg.Endpoints = m.clientURLs()
	client, err := etcdclient.Dial(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	var last error
	for i, s := range client.Members(ctx) {
		if err := m.isRestored(s, hexID(others[i].ID)); err != nil {
			missing, last = append(missing, others[i].Name), err
		}
	}
	if len(others)+1-len(missing) < m.newQuorum() {
		return nil, last
	}
	return missing, nil
}

// askWhere asks the node's own etcd where the others serve clients. Those that have not
// started yet have told nobody.
func (m *machine) askWhere(ctx context.Context) error {
	client, endpoint, err := m.dialEtcd(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	members, err := client.MemberList(ctx, endpoint)
	for _, e := range members {
		if len(e.ClientURLs) > 0 {
			m.told[e.Name] = e.ClientURLs[0]
		}
	}
	return err
}

// waitMembers waits until every member serves. Once a quorum does, the rest has a while
// to come: behind the commit point it can still come, by a resume on its node. The wait
// ends as well when another node has committed, or goes back.
func (m *machine) waitMembers(ctx context.Context) error {
	var since time.Time // a quorum serves
	return m.waitEtcd(ctx, m.Timeout+m.Straggler, m.heedOthers(func(ctx context.Context) error {
		missing, err := m.census(ctx)
		switch {
		case err != nil:
			since = time.Time{}
			return err
		case len(missing) == 0:
			return nil
		case since.IsZero():
			since = time.Now()
		}
		said, err := m.claimed(ctx, m.etcd.Endpoints[0])
		switch {
		case err != nil:
			return err
		case said == aborted:
			return fmt.Errorf("%w: the key %s says so", ErrAborted, m.key())
		case said != committed && time.Since(since) < m.Straggler:
			return fmt.Errorf("%w: a quorum does, but not %s", ErrEtcd, strings.Join(missing, ", "))
		}
		for _, name := range missing {
			if err := m.run.Missing(name); err != nil {
				return err
			}
		}
		return nil
	}))
}

// heedOthers asks the others, while something is not as it should be, whether one of
// them goes back.
func (m *machine) heedOthers(ask func(context.Context) error) func(context.Context) error {
	next := time.Now().Add(time.Second) // all is well, most of the time
	return func(ctx context.Context) error {
		err := ask(ctx)
		if err == nil || len(m.others()) == 0 || time.Now().Before(next) {
			return err
		}
		if who := m.whoGoesBack(ctx); who != "" {
			return fmt.Errorf("%w: %s", ErrAborted, who)
		}
		next = time.Now().Add(time.Second)
		return err
	}
}

// whoGoesBack is the first of the others that says so, or has done so: its old etcd,
// which it had stopped, serves. It is "" if there is none.
func (m *machine) whoGoesBack(ctx context.Context) string {
	client, err := m.caller()
	if err != nil {
		return ""
	}
	asking, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	for _, e := range m.others() {
		s, err := client.Ask(asking, e.PeerURLs[0])
		if m.seesBack(e.Name, rendezvous.Answer{State: s, Err: err}) {
			return e.Name
		}
	}
	return ""
}

// caller asks the other nodes without telling them anything.
func (m *machine) caller() (*rendezvous.Client, error) {
	_, files, err := m.place()
	if err != nil {
		return nil, err
	}
	client, err := rendezvous.NewClient(files)
	if err == nil {
		client.Member = m.part.Member
	}
	return client, err
}

// seesBack reports whether a member's answer is that it goes back, or has done so. The
// word of one that does is remembered.
func (m *machine) seesBack(member string, a rendezvous.Answer) bool {
	digest, err := m.plan.Decision.Digest()
	told := err == nil && a.Err == nil && a.State.Aborted && a.State.PlanSHA256 == digest
	if told {
		m.goneBack[member] = true
	}
	return told || m.hasOld(a)
}
