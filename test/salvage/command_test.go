package salvage

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/etcd-restore/etcd-restore/plugins/snapshotx"
	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// The exit codes that are documented for salvage.
const (
	misused = 2
	damaged = 5
	refused = 6
)

// transcript is what a command line printed and how it ended.
type transcript struct {
	code     int
	out, err string
}

// command runs etcdctl-snapshot-x.
func command(t *testing.T, args ...string) transcript {
	t.Helper()
	var out, stderr bytes.Buffer
	code := snapshotx.Run(t.Context(), snapshotx.Streams{In: strings.NewReader(""), Out: &out, ErrOut: &stderr}, args)
	return transcript{code, out.String(), stderr.String()}
}

// succeed runs a verb that has to succeed and decodes its result.
func succeed(t *testing.T, result any, args ...string) {
	t.Helper()
	got := command(t, append(args, "-w", "json", "--progress", "none")...)
	if got.code != 0 {
		t.Fatalf("%s: exit code %d\n%s%s", strings.Join(args, " "), got.code, got.out, got.err)
	}
	if err := json.Unmarshal([]byte(got.out), result); err != nil {
		t.Fatalf("the result of %s is not JSON: %v\n%s", args[0], err, got.out)
	}
}

// salvaged is the result of salvage -w json.
type salvaged struct {
	Path            string      `json:"path"`
	SHA256          string      `json:"sha256"`
	Size            int64       `json:"size"`
	DryRun          bool        `json:"dryRun"`
	ClusterID       string      `json:"clusterID"`
	Tail            string      `json:"tail"`
	Majority        bool        `json:"majority"`
	Revision        int64       `json:"revision"`
	CompactRevision int64       `json:"compactRevision"`
	HashKV          *uint32     `json:"hashKV"`
	CommittedIndex  uint64      `json:"committedIndex"`
	LastIndex       uint64      `json:"lastIndex"`
	AppliedIndex    uint64      `json:"appliedIndex"`
	EntriesReplayed int         `json:"entriesReplayed"`
	Members         []member    `json:"members"`
	Directories     []directory `json:"directories"`
	Notes           []string    `json:"notes"`
}

type member struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	PeerURLs []string `json:"peerURLs"`
	Learner  bool     `json:"learner"`
}

type directory struct {
	Dir             string `json:"dir"`
	WALDir          string `json:"walDir"`
	MemberID        string `json:"memberID"`
	Name            string `json:"name"`
	Term            uint64 `json:"term"`
	LastIndex       uint64 `json:"lastIndex"`
	CommitIndex     uint64 `json:"commitIndex"`
	ConsistentIndex uint64 `json:"consistentIndex"`
	Revision        int64  `json:"revision"`
	Vote            bool   `json:"vote"`
	Winner          bool   `json:"winner"`
	Why             string `json:"why"`
}

// salvage runs the verb on the directories of members that are down.
func salvage(t *testing.T, members []*etcdtest.Member, flags ...string) salvaged {
	t.Helper()
	out := filepath.Join(t.TempDir(), "salvaged.db")
	var s salvaged
	succeed(t, &s, salvageArgs(members, out, flags...)...)
	if s.Path != out {
		t.Errorf("salvage says that it wrote %s, it was to be %s", s.Path, out)
	}
	return s
}

func salvageArgs(members []*etcdtest.Member, out string, flags ...string) []string {
	args := []string{"salvage", "-o", out}
	for _, m := range members {
		dir := m.DataDir
		if m.WALDir != "" {
			dir += "," + m.WALDir
		}
		args = append(args, dir)
	}
	return append(args, flags...)
}

// winner is the directory that salvage took, and the member it belongs to.
func (s salvaged) winner(t *testing.T, members []*etcdtest.Member) (directory, *etcdtest.Member) {
	t.Helper()
	for _, d := range s.Directories {
		for _, m := range members {
			if d.Winner && d.Dir == m.DataDir {
				return d, m
			}
		}
	}
	t.Fatalf("salvage names no winner: %+v", s.Directories)
	return directory{}, nil
}

// requireRefused wants salvage to refuse for safety and to write nothing.
func requireRefused(t *testing.T, members []*etcdtest.Member) transcript {
	t.Helper()
	out := filepath.Join(t.TempDir(), "refused.db")
	return requireExit(t, refused, out, salvageArgs(members, out)...)
}

// requireExit wants a command to fail with a code and to leave nothing at out.
func requireExit(t *testing.T, want int, out string, args ...string) transcript {
	t.Helper()
	got := command(t, append(args, "--progress", "none")...)
	if got.code != want {
		t.Errorf("%s: exit code %d, want %d\n%s%s", strings.Join(args, " "), got.code, want, got.out, got.err)
	}
	if left, err := filepath.Glob(out + "*"); err != nil || len(left) != 0 {
		t.Errorf("%s failed and left %s, %v", args[0], left, err)
	}
	return got
}

// restoreAll restores every member of c, with the revisions that the snapshot
// has, and points the members to their new directories.
func restoreAll(t *testing.T, c *etcdtest.Cluster, file string) {
	t.Helper()
	var plan struct {
		Members []struct{ Name, DataDir, WALDir string }
	}
	succeed(t, &plan, "restore", file, "--all-members", "--output-dir", filepath.Join(t.TempDir(), "restored"),
		"--initial-cluster", c.InitialCluster(), "--bump-revision=0", "--mark-compacted=false")
	for _, m := range c.Members {
		for _, planned := range plan.Members {
			if planned.Name == m.Name {
				m.DataDir, m.WALDir = planned.DataDir, planned.WALDir
			}
		}
	}
}
