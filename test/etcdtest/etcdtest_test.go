package etcdtest

import (
	"context"
	"errors"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// eachVersion runs f as a parallel subtest for every supported etcd.
func eachVersion(t *testing.T, f func(*testing.T, Version)) {
	t.Parallel()
	for _, v := range Servers() {
		t.Run("etcd"+string(v), func(t *testing.T) {
			t.Parallel()
			f(t, v)
		})
	}
}

func TestKillAndRestartKeepsData(t *testing.T) {
	eachVersion(t, func(t *testing.T, v Version) {
		c := New(t, Config{Version: v, Size: 3, TLS: NewTLS(t)})
		c.Start(t)
		loaded, err := LoadKubernetes(t.Context(), c.Client(t), KubernetesOptions{Pods: 20, Compact: true})
		if err != nil {
			t.Fatal(err)
		}
		before := c.Keys(t, 0)

		c.Kill(t)
		c.Start(t)

		if diff := Diff(before, c.Keys(t, 0)); diff != "" {
			t.Error(diff)
		}
		hashes := c.HashKV(t, loaded.Revision)
		if distinct := slices.Compact(slices.Sorted(maps.Values(hashes))); len(hashes) != 3 || len(distinct) != 1 {
			t.Errorf("members disagree about revision %d: %x", loaded.Revision, hashes)
		}
		for _, m := range c.Members {
			if got := m.Revision(t); got != loaded.Revision {
				t.Errorf("%s is at revision %d, want %d", m.Name, got, loaded.Revision)
			}
		}
	})
}

func TestStartOnRestoredDirectory(t *testing.T) {
	eachVersion(t, func(t *testing.T, v Version) {
		old := New(t, Config{Version: v})
		old.Start(t)
		if _, err := LoadKubernetes(t.Context(), old.Client(t), KubernetesOptions{Pods: 5}); err != nil {
			t.Fatal(err)
		}
		snapshot := filepath.Join(t.TempDir(), "snap.db")
		run(t, Binary(t, v, "etcdctl"), "--endpoints", old.Members[0].ClientURL, "snapshot", "save", snapshot)

		restored := New(t, Config{Version: v})
		m := restored.Members[0]
		m.WALDir = filepath.Join(t.TempDir(), "wal")
		tool := "etcdutl"
		if v == V34 {
			tool = "etcdctl"
		}
		run(t, Binary(t, v, tool), "snapshot", "restore", snapshot, "--name", m.Name, "--data-dir", m.DataDir, "--wal-dir", m.WALDir,
			"--initial-cluster", restored.InitialCluster(), "--initial-advertise-peer-urls", m.PeerURL)
		restored.Start(t)

		if diff := Diff(old.Keys(t, 0), restored.Keys(t, 0)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestLearner(t *testing.T) {
	eachVersion(t, func(t *testing.T, v Version) {
		c := New(t, Config{Version: v})
		c.Start(t)
		learner := c.AddLearner(t)
		members := c.MemberList(t)
		if len(members) != 2 {
			t.Fatalf("%d members, want 2: %v", len(members), members)
		}
		for _, m := range members {
			if got, want := m.IsLearner, m.Name == learner.Name; got != want {
				t.Errorf("%s: learner is %v, want %v", m.Name, got, want)
			}
		}
	})
}

func TestTLSRefusesStrangers(t *testing.T) {
	t.Parallel()
	c := New(t, Config{Version: V37, TLS: NewTLS(t)})
	c.Start(t)
	other, err := NewTLS(t).ClientConfig() // of another authority
	if err != nil {
		t.Fatal(err)
	}
	other.InsecureSkipVerify = true // so that it is the server that refuses
	client, err := clientv3.New(clientv3.Config{Endpoints: c.Endpoints(), TLS: other})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if _, err := client.Get(ctx, "x"); err == nil {
		t.Error("a client certificate of a foreign authority was accepted")
	}
}

func TestMemberThatCannotStart(t *testing.T) {
	t.Parallel()
	err := Run(t.Context(), t.Logf, func(t T) {
		c := New(t, Config{Version: V37})
		c.Members[0].DataDir = os.DevNull
		c.Start(t)
	})
	if err == nil || !strings.Contains(err.Error(), "m1 exited before it served") || !strings.Contains(err.Error(), "/dev/null") {
		t.Errorf("error does not name the member and its last words: %v", err)
	}
}

func TestRunCleansUp(t *testing.T) {
	t.Parallel()
	var dir, url string
	var order []string
	err := Run(t.Context(), t.Logf, func(t T) {
		c := New(t, Config{Version: V37})
		c.Start(t)
		dir, url = c.dir, c.Members[0].ClientURL
		t.Cleanup(func() { order = append(order, "second") })
		t.Cleanup(func() { order = append(order, "first") })
		t.Fatalf("enough of %s", "this")
	})
	if err == nil || err.Error() != "enough of this" {
		t.Errorf("Run returned %v", err)
	}
	if want := []string{"first", "second"}; !slices.Equal(order, want) {
		t.Errorf("cleanups ran as %v, want %v", order, want)
	}
	if exists(dir) {
		t.Errorf("%s is left behind", dir)
	}
	if conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://")); err == nil {
		conn.Close()
		t.Errorf("%s still listens", url)
	}
}

// TestServerDiesWithItsParent kills a test process that has no chance to clean
// up, and looks for the server it had started.
func TestServerDiesWithItsParent(t *testing.T) {
	if dir := os.Getenv("ETCDTEST_ORPHAN"); dir != "" {
		c := New(t, Config{Version: V37})
		c.Start(t)
		pid := strconv.Itoa(c.Members[0].PID())
		if err := os.WriteFile(filepath.Join(dir, "pid"), []byte(pid), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		select {}
	}
	t.Parallel()
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestServerDiesWithItsParent$")
	cmd.Env = append(os.Environ(), "ETCDTEST_ORPHAN="+dir, "TMPDIR="+dir)
	out, err := cmd.CombinedOutput()
	if exit := new(exec.ExitError); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("the child was not killed: %v\n%s", err, out)
	}
	text, err := os.ReadFile(filepath.Join(dir, "pid"))
	if err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(10 * time.Second)
	for running(t, string(text)) {
		if time.Now().After(deadline) {
			t.Fatalf("etcd (process %s) outlived its parent", text)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// running tells whether a process still executes; one that only waits to be
// reaped by whoever adopted it does not.
func running(t *testing.T, pid string) bool {
	t.Helper()
	stat, err := os.ReadFile(filepath.Join("/proc", pid, "stat"))
	if errors.Is(err, os.ErrNotExist) {
		return false
	}
	if err != nil {
		t.Fatal(err)
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(state, "Z") && !strings.HasPrefix(state, "X")
}

func TestPortsAreClaimed(t *testing.T) {
	t.Parallel()
	p := port(t)
	if claim, err := net.Listen("unix", "@etcd-restore/port/"+strconv.Itoa(p)); err == nil {
		claim.Close()
		t.Errorf("port %d can be claimed twice", p)
	}
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Env = append(os.Environ(), "ETCDCTL_API=3")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, out)
	}
}
