package integration

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// runbook is a page of docs/runbooks, whose blocks a person pastes.
type runbook struct {
	t     *testing.T
	dir   string   // where they are pasted
	path  string   // PATH, with our program and etcdctl
	names []string // NAME=value instead of the block that sets the names
	steps []string
	check []string
}

var block = regexp.MustCompile("(?ms)^```sh( setup| check)?\n(.*?)^```$")

// openRunbook reads a page. Every name that its first block sets must be given.
func openRunbook(t *testing.T, page string, names map[string]string) *runbook {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "runbooks", page))
	if err != nil {
		t.Fatal(err)
	}
	r := &runbook{t: t, dir: t.TempDir()}
	for _, m := range block.FindAllStringSubmatch(string(text), -1) {
		switch m[1] {
		case " setup":
			r.setNames(m[2], names)
		case " check":
			r.check = append(r.check, m[2])
		default:
			r.steps = append(r.steps, m[2])
		}
	}
	if len(r.steps) == 0 || len(r.check) == 0 || len(r.names) == 0 {
		t.Fatalf("%s has %d steps, %d checks and sets %d names", page, len(r.steps), len(r.check), len(r.names))
	}
	bin := t.TempDir()
	wrapper := fmt.Sprintf("#!/bin/sh\n%s=1 exec %s \"$@\"\n", asCommand, os.Args[0])
	if err := os.WriteFile(filepath.Join(bin, "etcdctl-snapshot-x"), []byte(wrapper), 0o700); err != nil {
		t.Fatal(err)
	}
	r.path = bin + ":" + filepath.Dir(etcdtest.Binary(t, etcdtest.V37, "etcdctl")) + ":" + os.Getenv("PATH")
	return r
}

func (r *runbook) setNames(setup string, values map[string]string) {
	for line := range strings.Lines(setup) {
		name, _, _ := strings.Cut(line, "=")
		value, given := values[name]
		if !given {
			r.t.Fatalf("the runbook sets %q, the test does not", name)
		}
		r.names = append(r.names, fmt.Sprintf("%s='%s'", name, value))
	}
}

// follow pastes the steps into one shell, one after the other, which must all
// succeed, and returns what they print.
func (r *runbook) follow() string {
	r.t.Helper()
	return r.paste(r.steps)
}

// verify pastes the checks, which look at the cluster at these endpoints.
func (r *runbook) verify(endpoints []string) string {
	r.t.Helper()
	return r.paste(r.check, "ETCDCTL_ENDPOINTS="+strings.Join(endpoints, ","))
}

func (r *runbook) paste(blocks []string, env ...string) string {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	defer cancel()
	script := "set -e\n" + strings.Join(r.names, "\n") + "\n" + strings.Join(blocks, "\n")
	cmd := exec.CommandContext(ctx, "sh", "-c", script)
	cmd.Dir = r.dir
	cmd.Env = append(append(os.Environ(), "PATH="+r.path), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.t.Fatalf("%v in\n%s\nprinted\n%s", err, script, out)
	}
	return string(out)
}

// cluster of three with some Kubernetes objects, and its last revision.
func runbookCluster(t *testing.T) (*etcdtest.Cluster, *etcdtest.Kubernetes) {
	t.Helper()
	c := etcdtest.New(t, etcdtest.Config{Version: etcdtest.V37, Size: 3})
	c.Start(t)
	load, err := etcdtest.LoadKubernetes(t.Context(), c.Client(t), etcdtest.KubernetesOptions{Nodes: 2, Pods: 10, Rounds: 1})
	if err != nil {
		t.Fatal(err)
	}
	return c, load
}

func TestRunbookQuorumLost(t *testing.T) {
	t.Parallel()
	c, load := runbookCluster(t)
	want := c.Keys(t, 0)
	c.Kill(t)
	r := openRunbook(t, "quorum-lost.md", map[string]string{
		"OLD": c.Members[0].DataDir, "NEW": filepath.Join(t.TempDir(), "new"), "CLUSTER": c.InitialCluster(),
	})
	requireSays(t, r.follow(), "1 of the 3 voters", "Salvaged into salvaged.db", "Restored salvaged.db")

	r.moveTo(c)
	c.Start(t)
	requireSays(t, r.verify(c.Endpoints()), "is healthy")
	if diff := etcdtest.Diff(want, c.Keys(t, 0)); diff != "" {
		t.Error(diff)
	}
	requireAbove(t, c, load.Revision)
}

func TestRunbookAllMembersDead(t *testing.T) {
	t.Parallel()
	c, load := runbookCluster(t)
	snapshot := filepath.Join(t.TempDir(), "snapshot.db")
	save(t, c, snapshot)
	if err := load.Churn(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	want := c.Keys(t, 0)
	c.Kill(t)
	r := openRunbook(t, "all-members-dead.md", map[string]string{
		"OLD":      strings.Join([]string{c.Members[0].DataDir, c.Members[1].DataDir, c.Members[2].DataDir}, " "),
		"SNAPSHOT": snapshot, "NEW": filepath.Join(t.TempDir(), "new"), "CLUSTER": c.InitialCluster(),
	})
	requireSays(t, r.follow(), "Every acknowledged write is included: 3 of the 3 voters", "Salvaged into salvaged.db", "Restored salvaged.db")

	r.moveTo(c)
	c.Start(t)
	requireSays(t, r.verify(c.Endpoints()), "is healthy")
	if diff := etcdtest.Diff(want, c.Keys(t, 0)); diff != "" {
		t.Error(diff)
	}
	requireAbove(t, c, load.Revision)
}

func TestRunbookNothingBackedUp(t *testing.T) {
	t.Parallel()
	c, load := runbookCluster(t)
	want := c.Keys(t, 0)
	c.Kill(t)
	one := etcdtest.New(t, etcdtest.Config{Version: etcdtest.V37})
	r := openRunbook(t, "nothing-backed-up.md", map[string]string{
		"OLD": c.Members[1].DataDir, "NEW": one.Members[0].DataDir, "NAME": one.Members[0].Name, "URL": one.Members[0].PeerURL,
	})
	requireSays(t, r.follow(), "1 of the 3 voters", "Salvaged into salvaged.db", "Restored salvaged.db")

	one.Start(t)
	requireSays(t, r.verify(one.Endpoints()), "is healthy")
	if diff := etcdtest.Diff(want, one.Keys(t, 0)); diff != "" {
		t.Error(diff)
	}
	requireAbove(t, one, load.Revision)
}

// moveTo points the members to the directories that the runbook has made.
func (r *runbook) moveTo(c *etcdtest.Cluster) {
	for _, name := range r.names {
		if dir, found := strings.CutPrefix(name, "NEW="); found {
			for _, m := range c.Members {
				m.DataDir = filepath.Join(strings.Trim(dir, "'"), m.Name+".etcd")
			}
		}
	}
}

func requireSays(t *testing.T, out string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(out, text) {
			t.Errorf("%q is missing in\n%s", text, out)
		}
	}
}

// requireAbove wants a cluster that never serves a revision of the old one again.
func requireAbove(t *testing.T, c *etcdtest.Cluster, old int64) {
	t.Helper()
	for _, m := range c.Members {
		if got := m.Revision(t); got <= old {
			t.Errorf("%s is at revision %d, the old cluster has served %d", m.Name, got, old)
		}
	}
}
