package integration

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"

	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// runbook is a page of docs/runbooks, whose blocks a person pastes.
type runbook struct {
	t     *testing.T
	dir   string   // where they are pasted
	bin   string   // our program, first on PATH
	names []string // NAME='value', or export NAME='value', instead of the block that sets the names
	steps []string
	check []string
	all   []string // steps and checks, as they stand on the page
}

var block = regexp.MustCompile("(?ms)^```sh( setup| check)?\n(.*?)^```$")

// openRunbook reads a page. Every name that its first block sets must be given.
func openRunbook(t *testing.T, page string, names map[string]string) *runbook {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "runbooks", page))
	if err != nil {
		t.Fatal(err)
	}
	r := &runbook{t: t, dir: t.TempDir(), bin: t.TempDir()}
	for _, m := range block.FindAllStringSubmatch(string(text), -1) {
		switch m[1] {
		case " setup":
			r.setNames(m[2], names)
			continue
		case " check":
			r.check = append(r.check, m[2])
		default:
			r.steps = append(r.steps, m[2])
		}
		r.all = append(r.all, m[2])
	}
	if len(r.steps) == 0 || len(r.check) == 0 || len(r.names) == 0 {
		t.Fatalf("%s has %d steps, %d checks and sets %d names", page, len(r.steps), len(r.check), len(r.names))
	}
	wrapper := fmt.Sprintf("#!/bin/sh\n%s=1 exec %s \"$@\"\n", asCommand, os.Args[0])
	if err := os.WriteFile(filepath.Join(r.bin, "etcdctl-snapshot-x"), []byte(wrapper), 0o700); err != nil {
		t.Fatal(err)
	}
	r.install("etcdctl", etcdtest.V37)
	return r
}

// install puts a program of etcd on PATH.
func (r *runbook) install(program string, v etcdtest.Version) {
	r.t.Helper()
	if err := os.Symlink(etcdtest.Binary(r.t, v, program), filepath.Join(r.bin, program)); err != nil {
		r.t.Fatal(err)
	}
}

func (r *runbook) setNames(setup string, values map[string]string) {
	for line := range strings.Lines(setup) {
		word, _, _ := strings.Cut(line, "=")
		name, exported := strings.CutPrefix(word, "export ")
		value, given := values[name]
		if !given && (!exported || !slices.Contains(mayBeEmpty(), name)) {
			r.t.Fatalf("the runbook sets %q, the test does not", name)
		}
		r.names = append(r.names, fmt.Sprintf("%s='%s'", word, value))
	}
}

// mayBeEmpty are names for etcdctl that are empty for a cluster without TLS and users.
func mayBeEmpty() []string {
	return []string{"ETCDCTL_CACERT", "ETCDCTL_CERT", "ETCDCTL_KEY", "ETCDCTL_USER"}
}

// follow pastes the steps into one shell, one after the other, which must all
// succeed, and returns what they print.
func (r *runbook) follow() string {
	r.t.Helper()
	return r.paste(r.steps)
}

// followAll pastes the checks, too, where they stand: servers that a page starts end
// with its shell.
func (r *runbook) followAll() string {
	r.t.Helper()
	return r.paste(r.all)
}

// verify pastes the checks, which must find so many members, all healthy and with
// the same content.
func (r *runbook) verify(members int) {
	r.t.Helper()
	out := r.paste(r.check)
	if n := strings.Count(out, "is healthy"); n != members {
		r.t.Errorf("%d members are healthy, not %d:\n%s", n, members, out)
	}
	hashes := map[string]int{}
	for _, m := range hashed.FindAllStringSubmatch(out, -1) {
		hashes[m[1]]++
	}
	for hash, n := range hashes {
		if n != members {
			r.t.Errorf("hash %s is that of %d members, not %d:\n%s", hash, n, members, out)
		}
	}
	if len(hashes) == 0 {
		r.t.Errorf("no hashes:\n%s", out)
	}
}

// hashed is a line of etcdctl endpoint hashkv.
var hashed = regexp.MustCompile(`(?m)^http\S+, ([0-9]+)\b`)

func (r *runbook) paste(blocks []string) string {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 2*time.Minute)
	defer cancel()
	const begin = "set -e\ntrap 'kill $! 2>/dev/null || :' EXIT\n" // nothing in the background outlives it
	script := begin + strings.Join(r.names, "\n") + "\n" + strings.Join(blocks, "\n")
	cmd := exec.CommandContext(ctx, "sh", "-c", script)
	cmd.Dir = r.dir
	cmd.Env = append(os.Environ(), "PATH="+r.bin+":"+os.Getenv("PATH"))
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
		"ETCDCTL_ENDPOINTS": c.Endpoints()[0],
	})
	requireSays(t, r.follow(), "1 of the 3 voters", "Salvaged into salvaged.db", "Restored salvaged.db")

	r.moveTo(c)
	r.requireBack(c, want, load.Revision)
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
		"ETCDCTL_ENDPOINTS": c.Endpoints()[0],
	})
	requireSays(t, r.follow(), "Every acknowledged write is included: 3 of the 3 voters", "Salvaged into salvaged.db", "Restored salvaged.db")

	r.moveTo(c)
	r.requireBack(c, want, load.Revision)
}

func TestRunbookNothingBackedUp(t *testing.T) {
	t.Parallel()
	c, load := runbookCluster(t)
	want := c.Keys(t, 0)
	c.Kill(t)
	one := etcdtest.New(t, etcdtest.Config{Version: etcdtest.V37})
	r := openRunbook(t, "nothing-backed-up.md", map[string]string{
		"OLD": c.Members[1].DataDir, "NEW": one.Members[0].DataDir, "NAME": one.Members[0].Name, "URL": one.Members[0].PeerURL,
		"ETCDCTL_ENDPOINTS": one.Endpoints()[0],
	})
	requireSays(t, r.follow(), "1 of the 3 voters", "Salvaged into salvaged.db", "Restored salvaged.db")

	r.requireBack(one, want, load.Revision)
}

// requireBack starts the restored cluster, which has all keys and no revision that
// the old one has served.
func (r *runbook) requireBack(c *etcdtest.Cluster, keys []*mvccpb.KeyValue, old int64) {
	r.t.Helper()
	c.Start(r.t)
	r.verify(len(c.Members))
	if diff := etcdtest.Diff(keys, c.Keys(r.t, 0)); diff != "" {
		r.t.Error(diff)
	}
	requireAbove(r.t, c, old)
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
