package noderejoin

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/controlplane"
	"github.com/etcd-restore/etcd-restore/pkg/cri"
	"github.com/etcd-restore/etcd-restore/pkg/datadir"
	"github.com/etcd-restore/etcd-restore/pkg/etcdclient"
	"github.com/etcd-restore/etcd-restore/pkg/internal/durable"
	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

// takesMembers is how long a cluster may refuse to change: it wants all members in sight
// for five seconds first.
const takesMembers = 30 * time.Second

// addMember makes this node a learner of the cluster. A member at its address is the one
// that was here, whose etcd is proved not to run: it is removed. A learner there is one
// that this run has added, unless its data say otherwise.
func (m *machine) addMember(ctx context.Context) error {
	return m.cluster.persist(ctx, func(ctx context.Context, client *etcdclient.Client, endpoint string) error {
		members, err := client.MemberList(ctx, endpoint)
		if err != nil {
			return err
		}
		if own, ok := m.plan.own(members); ok {
			if own.Learner && m.fits(own.ID) {
				return nil
			}
			if err := client.Remove(ctx, endpoint, own.ID); err != nil {
				return err
			}
		}
		if err := m.empty(); err != nil {
			return fmt.Errorf("%w: %w", errHopeless, err)
		}
		_, err = client.AddLearner(ctx, endpoint, m.plan.PeerURLs)
		return err
	})
}

// fits reports whether the data that are there, if any, are those of a member.
func (m *machine) fits(member uint64) bool {
	wal := m.plan.wal()
	if wal == "" {
		wal = datadir.WALDir(m.plan.data())
	}
	r, err := datadir.NewReader(wal)
	if err != nil {
		return !isThere(datadir.DBPath(m.plan.data()))
	}
	defer r.Close()
	for {
		record, err := r.Next()
		if err != nil {
			return false
		}
		if record.Metadata != nil {
			return record.Metadata.MemberID == member
		}
	}
}

// removeMember is the way back. A member with a vote stays: then the run is committed.
func (m *machine) removeMember(ctx context.Context) error {
	return m.cluster.persist(ctx, func(ctx context.Context, client *etcdclient.Client, endpoint string) error {
		members, err := client.MemberList(ctx, endpoint)
		if err != nil {
			return err
		}
		own, ok := m.plan.own(members)
		if !ok || !own.Learner {
			return nil
		}
		return client.Remove(ctx, endpoint, own.ID)
	})
}

// edit writes etcd's new manifest beside the folder: the old one with the directory and
// what an etcd without data must be told of the cluster, and not a byte else.
func (m *machine) edit(ctx context.Context) error {
	initial := ""
	err := m.cluster.persist(ctx, func(ctx context.Context, client *etcdclient.Client, endpoint string) error {
		members, err := client.MemberList(ctx, endpoint)
		if err == nil {
			initial, err = m.plan.initialCluster(members)
		}
		return err
	})
	if err != nil {
		return err
	}
	file, err := m.manifest(controlplane.Etcd)
	if err != nil {
		return err
	}
	edited, err := file.Manifest.Apply(m.part.Edits...)
	if err != nil {
		return err
	}
	if edited, err = edited.SetEtcdFlag("initial-cluster", initial, "name"); err != nil {
		return err
	}
	if edited, err = edited.SetEtcdFlag("initial-cluster-state", "existing", "initial-cluster"); err != nil {
		return err
	}
	return m.place(file.Name, edited.Bytes())
}

// place puts a manifest where it can be renamed in, with the owner and the permissions of
// the old one.
func (m *machine) place(name string, text []byte) error {
	old := filepath.Join(m.part.Parked, name)
	info, err := os.Stat(old)
	if err != nil {
		return err
	}
	files := m.FS
	if files.Owner, err = durable.OwnerOf(old); err != nil {
		return err
	}
	if err := m.FS.RemoveAll(m.new.Parked); err != nil { // of a killed process
		return err
	}
	if err := m.FS.Mkdir(m.new.Parked); err != nil {
		return err
	}
	path := filepath.Join(m.new.Parked, name)
	if err := files.WriteFile(path, text); err != nil {
		return err
	}
	if err := files.Chmod(path, info.Mode().Perm()); err != nil {
		return err
	}
	return errors.Join(files.SyncDir(m.new.Parked), files.SyncDir(m.part.Parked))
}

func (m *machine) unedit(context.Context) error { return m.FS.RemoveAll(m.new.Parked) }

// startEtcd starts etcd on the empty directory and waits until it follows the leader of
// the cluster as the learner that was added.
func (m *machine) startEtcd(ctx context.Context) error {
	for _, p := range m.clients() { // somebody else may have put a manifest back
		in, err := m.old.Where(p)
		if err == nil && in {
			err = fmt.Errorf("%w: that of %s is in", controlplane.ErrManifest, p.Component)
		}
		if err != nil {
			return err
		}
	}
	if err := m.new.Start(ctx, m.pod(controlplane.Etcd)); err != nil {
		return err
	}
	return m.waitEtcd(ctx, m.Timeout, m.serves)
}

// serves asks this node's etcd whether it is in the cluster.
func (m *machine) serves(ctx context.Context) error {
	cfg := m.cluster.config
	cfg.Endpoints = []string{m.own}
	client, err := etcdclient.Dial(ctx, cfg)
	if err != nil {
		return err
	}
	defer client.Close()
	switch s := client.Members(ctx)[0]; {
	case s.Err != nil:
		return s.Err
	case hexID(s.ClusterID) != m.plan.ClusterID:
		return fmt.Errorf("%w: %s is of cluster %x, not %s", ErrEtcd, m.own, s.ClusterID, m.plan.ClusterID)
	case s.Leader == 0:
		return fmt.Errorf("%w: %s sees no leader", ErrEtcd, m.own)
	}
	return nil
}

// stopEtcd is the way back.
func (m *machine) stopEtcd(ctx context.Context) error {
	etcd := m.pod(controlplane.Etcd)
	if err := m.new.TakeOut(etcd); err != nil {
		return err
	}
	if err := m.new.Halt(ctx, etcd); err != nil {
		return err
	}
	return m.empty()
}

// promote gives the member its vote as soon as it has what the leader has.
func (m *machine) promote(ctx context.Context) error {
	return m.waitEtcd(ctx, m.Sync, func(ctx context.Context) error {
		return m.cluster.ask(ctx, func(ctx context.Context, client *etcdclient.Client, s etcdclient.MemberStatus) error {
			members, err := client.MemberList(ctx, s.Endpoint)
			if err != nil {
				return err
			}
			own, ok := m.plan.own(members)
			switch {
			case !ok:
				return fmt.Errorf("%w: somebody has removed the learner", errHopeless)
			case !own.Learner:
				return nil
			}
			return client.Promote(ctx, s.Endpoint, own.ID)
		})
	})
}

// promoted asks the cluster.
func (m *machine) promoted(ctx context.Context) (done bool, err error) {
	err = m.cluster.persist(ctx, func(ctx context.Context, client *etcdclient.Client, endpoint string) error {
		members, err := client.MemberList(ctx, endpoint)
		if err == nil {
			own, ok := m.plan.own(members)
			done = ok && !own.Learner
		}
		return err
	})
	return done, err
}

// hopeless is how often etcd may end by itself before nobody waits for it any more.
const hopeless = 3

// waitEtcd asks again and again, until all is as it should be, time is up or etcd has
// ended too often.
func (m *machine) waitEtcd(ctx context.Context, most time.Duration, ask func(context.Context) error) error {
	limited, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	for {
		err := ask(limited)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, errHopeless):
			return err
		}
		if crash := m.crashed(limited); crash != nil {
			return crash
		}
		if limited.Err() != nil {
			return hint.New(fmt.Errorf("%w after %s: %w", ErrEtcd, most, err), "look at its log: crictl ps -a --name etcd")
		}
		wait(limited, 200*time.Millisecond)
	}
}

// crashed reports an etcd that has ended by itself, again and again.
func (m *machine) crashed(ctx context.Context) error {
	pods, err := m.old.Find(ctx, m.pod(controlplane.Etcd))
	if err != nil {
		return nil // the question was another
	}
	for _, p := range pods {
		for _, c := range p.Containers {
			if c.Name != controlplane.Etcd || c.State != cri.Exited || c.Attempt+1 < hopeless {
				continue
			}
			why := strings.TrimSpace(fmt.Sprintf("exit code %d %s", c.ExitCode, c.Reason))
			return hint.New(fmt.Errorf("%w: its container has ended %d times, at last with %s", ErrEtcd, c.Attempt+1, why), "look at its log: crictl logs %.13s", c.ID)
		}
	}
	return nil
}
