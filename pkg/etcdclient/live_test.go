package etcdclient_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/etcd-restore/etcd-restore/pkg/etcdclient"
	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// eachVersion runs f as a parallel subtest for every supported etcd.
func eachVersion(t *testing.T, f func(*testing.T, etcdtest.Version)) {
	t.Parallel()
	for _, v := range etcdtest.Servers() {
		t.Run("etcd"+string(v), func(t *testing.T) {
			t.Parallel()
			f(t, v)
		})
	}
}

func put(t *testing.T, c *clientv3.Client, n, size int) {
	t.Helper()
	value := string(bytes.Repeat([]byte("x"), size))
	for i := range n {
		if _, err := c.Put(t.Context(), "key-"+strconv.Itoa(i), value); err != nil {
			t.Fatal(err)
		}
	}
}

func TestMembersAndSave(t *testing.T) {
	eachVersion(t, func(t *testing.T, v etcdtest.Version) {
		cluster := etcdtest.New(t, etcdtest.Config{
			Version: v, Size: 3,
			// Otherwise nobody may join a cluster in its first five seconds.
			Args: []string{"--strict-reconfig-check=false"},
		})
		cluster.Start(t)
		put(t, cluster.Client(t), 20, 1000)
		learner := cluster.AddLearner(t)
		put(t, cluster.Client(t), 1, 1000)
		dead := "http://127.0.0.1:1"
		client := dial(t, etcdclient.Config{Endpoints: append(cluster.Endpoints(), dead)})

		members := client.Members(t.Context())

		leaders := 0
		for i, m := range members[:4] {
			if m.Err != nil {
				t.Fatalf("%s: %v", m.Endpoint, m.Err)
			}
			if m.IsLeader() {
				leaders++
			}
			if m.Endpoint != cluster.Members[i].ClientURL || m.MemberID == 0 || m.ClusterID == 0 ||
				m.Version[:3] != string(v) || m.DBSize == 0 || m.AppliedIndex == 0 || m.Revision == 0 {
				t.Errorf("status of m%d: %+v", i+1, m)
			}
			if m.Learner != (m.Endpoint == learner.ClientURL) {
				t.Errorf("m%d is a learner: %t", i+1, m.Learner)
			}
		}
		if leaders != 1 {
			t.Errorf("%d leaders", leaders)
		}
		if err := members[4].Err; !errors.Is(err, etcdclient.ErrUnreachable) {
			t.Errorf("dead endpoint: %v", err)
		}

		best, why, err := etcdclient.Best(members)
		if err != nil || best.Revision != 22 || why == "" {
			t.Fatalf("chose %+v because %q (%v), want revision 22", best, why, err)
		}
		path := filepath.Join(t.TempDir(), "s.db")
		saved, err := client.Save(t.Context(), best.Endpoint, path, etcdclient.SaveOptions{})
		if err != nil {
			t.Fatal(err)
		}
		f, err := snapshot.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		status, err := f.ReadStatus(t.Context(), snapshot.StatusOptions{Digest: true})
		if err != nil {
			t.Fatal(err)
		}
		if status.Revision != 22 || status.TotalKey != 20 || status.Trailer != snapshot.TrailerMatched || status.SHA256 != saved.SHA256 {
			t.Errorf("saved %+v, status %+v", saved, status)
		}
	})
}

func TestHashKV(t *testing.T) {
	eachVersion(t, func(t *testing.T, v etcdtest.Version) {
		cluster := etcdtest.New(t, etcdtest.Config{Version: v})
		cluster.Start(t)
		put(t, cluster.Client(t), 5, 10)
		endpoint := cluster.Members[0].ClientURL
		client := dial(t, etcdclient.Config{Endpoints: cluster.Endpoints()})
		for _, rev := range []int64{0, 3, 6} {
			got, err := client.HashKV(t.Context(), endpoint, rev)
			if want := cluster.HashKV(t, rev)["m1"]; err != nil || got.Hash != want {
				t.Errorf("revision %d: %+v (%v), want %d", rev, got, err, want)
			}
		}
		if _, err := client.HashKV(t.Context(), endpoint, 999); err == nil {
			t.Error("a future revision has a hash")
		}
	})
}

func TestOnlyALearnerIsRefused(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.New(t, etcdtest.Config{Version: etcdtest.V37})
	cluster.Start(t)
	learner := cluster.AddLearner(t)
	client := dial(t, etcdclient.Config{Endpoints: []string{learner.ClientURL}})
	if _, _, err := etcdclient.Best(client.Members(t.Context())); !errors.Is(err, etcdclient.ErrLearner) {
		t.Errorf("got %v, want ErrLearner", err)
	}
}

// bigMember is a running member whose snapshot does not fit into the buffers
// between it and us, so that it can be caught in the middle of sending.
func bigMember(t *testing.T, v etcdtest.Version) (*etcdtest.Member, *etcdclient.Client) {
	t.Helper()
	cluster := etcdtest.New(t, etcdtest.Config{Version: v})
	cluster.Start(t)
	put(t, cluster.Client(t), 64, 1<<20)
	return cluster.Members[0], dial(t, etcdclient.Config{Endpoints: cluster.Endpoints()})
}

func TestMemberStopsInTheMiddle(t *testing.T) {
	eachVersion(t, func(t *testing.T, v etcdtest.Version) {
		member, client := bigMember(t, v)
		process := processOf(t, member)
		stopped := false
		sink := &buffer{onWrite: func() (err error) {
			if !stopped {
				err = process.Signal(syscall.SIGSTOP)
				stopped = true
			}
			return err
		}}
		_, err := client.Snapshot(t.Context(), member.ClientURL, sink, etcdclient.StreamOptions{StallTimeout: 2 * time.Second})
		if !errors.Is(err, etcdclient.ErrStalled) || !stopped {
			t.Errorf("got %v, want ErrStalled; stopped: %t", err, stopped)
		}
	})
}

func TestMemberDiesInTheMiddle(t *testing.T) {
	eachVersion(t, func(t *testing.T, v etcdtest.Version) {
		member, client := bigMember(t, v)
		killed := false
		sink := &buffer{onWrite: func() error {
			if !killed {
				member.Kill(t)
				killed = true
			}
			return nil
		}}
		_, err := client.Snapshot(t.Context(), member.ClientURL, sink, etcdclient.StreamOptions{})
		if !errors.Is(err, etcdclient.ErrUnreachable) || !killed {
			t.Errorf("got %v, want ErrUnreachable; killed: %t", err, killed)
		}
	})
}

// processOf finds the process of a member by its data directory, which no other
// process has on its command line.
func processOf(t *testing.T, m *etcdtest.Member) *os.Process {
	t.Helper()
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil || len(lines) == 0 {
		t.Skip("SKIP no /proc to find a process in")
	}
	for _, file := range lines {
		line, _ := os.ReadFile(file) // a process may be gone by now
		if bytes.Contains(line, []byte("\x00"+m.DataDir+"\x00")) {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
			if err != nil {
				t.Fatal(err)
			}
			process, err := os.FindProcess(pid)
			if err != nil {
				t.Fatal(err)
			}
			return process
		}
	}
	t.Fatalf("no process with %s", m.DataDir)
	return nil
}

// A stream through TLS and a login is the same as one without.
func TestSnapshotEqualsEtcdctls(t *testing.T) {
	eachVersion(t, func(t *testing.T, v etcdtest.Version) {
		certs := etcdtest.NewTLS(t)
		cluster := etcdtest.New(t, etcdtest.Config{Version: v, TLS: certs})
		cluster.Start(t)
		put(t, cluster.Client(t), 50, 5000)
		client := dial(t, etcdclient.Config{
			Endpoints: cluster.Endpoints(),
			CAFile:    certs.CA(), CertFile: certs.Cert("client"), KeyFile: certs.Key("client"),
		})
		var ours buffer
		if _, err := client.Snapshot(t.Context(), cluster.Endpoints()[0], &ours, etcdclient.StreamOptions{}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		body, err := cluster.Client(t).Snapshot(ctx)
		if err != nil {
			t.Fatal(err)
		}
		var theirs bytes.Buffer
		if _, err := theirs.ReadFrom(body); err != nil {
			t.Fatal(err)
		}
		// The two are two snapshots: the free pages of the database differ,
		// but each is as long as its own digest says.
		if n := ours.Len(); n != theirs.Len() || n%512 != sha256.Size {
			t.Errorf("%d bytes, etcd's client got %d", n, theirs.Len())
		}
	})
}
