package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/etcd-restore/etcd-restore/plugins/snapshotx"
	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// transcript is what a command line printed and how it ended.
type transcript struct {
	code     int
	out, err string
}

// command runs etcdctl-snapshot-x.
func command(ctx context.Context, in io.Reader, args ...string) transcript {
	var out, stderr bytes.Buffer
	code := snapshotx.Run(ctx, snapshotx.Streams{In: in, Out: &out, ErrOut: &stderr}, args)
	return transcript{code, out.String(), stderr.String()}
}

// commandIn runs it as a process with dir as working directory.
func commandIn(t *testing.T, dir string, args ...string) transcript {
	t.Helper()
	var out, stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &stderr
	cmd.Env = append(os.Environ(), asCommand+"=1")
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return transcript{cmd.ProcessState.ExitCode(), out.String(), stderr.String()}
}

// plan is the part of the result of restore -w json that scripts read.
type plan struct {
	ClusterID string `json:"clusterID"`
	Token     string `json:"initialClusterToken"`
	Members   []struct {
		Name     string   `json:"name"`
		ID       string   `json:"id"`
		PeerURLs []string `json:"peerURLs"`
		Learner  bool     `json:"learner"`
		DataDir  string   `json:"dataDir"`
		WALDir   string   `json:"walDir"`
		Size     int64    `json:"size"`
	} `json:"members"`
	Revision struct {
		Snapshot  int64  `json:"snapshotRevision"`
		Highest   int64  `json:"highestRevision"`
		Bump      uint64 `json:"bump"`
		Restored  int64  `json:"restored"`
		Compacted int64  `json:"compacted"`
	} `json:"revision"`
	Snapshot struct {
		Size    int64  `json:"size"`
		SHA256  string `json:"sha256"`
		Trailer string `json:"trailer"`
	} `json:"snapshot"`
	Notes []string `json:"notes"`
}

// noBump switches off what is the default for a Kubernetes keyspace.
func noBump() []string { return []string{"--bump-revision=0", "--mark-compacted=false"} }

// restore runs the verb, which has to succeed, and returns its result.
func restore(t *testing.T, in io.Reader, args ...string) plan {
	t.Helper()
	got := command(t.Context(), in, append([]string{"restore", "-w", "json", "--progress", "none"}, args...)...)
	if got.code != 0 {
		t.Fatalf("restore %s: exit code %d\n%s%s", strings.Join(args, " "), got.code, got.out, got.err)
	}
	var p plan
	if err := json.Unmarshal([]byte(got.out), &p); err != nil {
		t.Fatalf("the result is not JSON: %v\n%s", err, got.out)
	}
	return p
}

// restoreAll restores every member of c in one run and points the members to
// their new directories.
func restoreAll(t *testing.T, c *etcdtest.Cluster, file string, args ...string) plan {
	t.Helper()
	args = append([]string{
		file, "--all-members", "--output-dir", filepath.Join(t.TempDir(), "restored"),
		"--initial-cluster", c.InitialCluster(),
	}, args...)
	p := restore(t, nil, args...)
	if len(p.Members) != len(c.Members) {
		t.Fatalf("restored %d members of %d", len(p.Members), len(c.Members))
	}
	adopt(c, p)
	return p
}

// restoreOne restores a cluster of one into the directory the member expects.
func restoreOne(t *testing.T, c *etcdtest.Cluster, file string, args ...string) plan {
	t.Helper()
	m := c.Members[0]
	return restore(t, nil, append([]string{
		file, "--name", m.Name, "--data-dir", m.DataDir,
		"--initial-cluster", c.InitialCluster(), "--initial-advertise-peer-urls", m.PeerURL,
	}, args...)...)
}

// adopt points the members to the directories that the result names.
func adopt(c *etcdtest.Cluster, p plan) {
	for _, m := range c.Members {
		for _, planned := range p.Members {
			if planned.Name == m.Name {
				m.DataDir, m.WALDir, m.Learner = planned.DataDir, planned.WALDir, planned.Learner
			}
		}
	}
}

func parseID(t *testing.T, hex string) uint64 {
	t.Helper()
	id, err := strconv.ParseUint(hex, 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	return id
}
