package preflight_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"testing"

	"github.com/coreos/go-semver/semver"

	"github.com/etcd-restore/etcd-restore/pkg/node"
	"github.com/etcd-restore/etcd-restore/pkg/preflight"
	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

func TestSnapshotIntegrity(t *testing.T) {
	t.Parallel()
	blind := []string{"SnapshotVersion", "SnapshotOrigin", "Encryption", "Quota", "FreeSpace"}
	edit := func(change func([]byte) []byte) func(*testing.T, *world) {
		return func(t *testing.T, w *world) {
			text, err := os.ReadFile(w.snapshot)
			must(t, err)
			must(t, os.WriteFile(w.snapshot, change(text), 0o600))
		}
	}
	// spoil overwrites a page of the keys and seals the file again.
	spoil := func(b []byte) []byte {
		db := b[:len(b)-sha256.Size]
		copy(db[bytes.LastIndex(db, []byte("/registry/pods/"))&^4095:], bytes.Repeat([]byte{0xff}, 4096))
		sum := sha256.Sum256(db)
		return append(db, sum[:]...)
	}
	cut := func(b []byte) []byte { return b[:len(b)-sha256.Size] }
	try(t, "SnapshotIntegrity", map[string]wrong{
		"a flipped bit":      {change: edit(func(b []byte) []byte { b[len(b)-1] ^= 1; return b }), want: fails("SHA-256"), also: blind},
		"a spoiled page":     {change: edit(spoil), want: fails("calls itself page"), also: blind},
		"half of it":         {change: edit(func(b []byte) []byte { return b[:len(b)/2&^4095] }), want: fails("snapshot.db"), also: append(blind, "OldQuorum")},
		"something else":     {change: edit(func([]byte) []byte { return []byte("hello") }), want: fails("not an etcd snapshot"), also: blind},
		"missing":            {change: func(t *testing.T, w *world) { must(t, os.Remove(w.snapshot)) }, want: fails("snapshot.db"), also: blind},
		"without a hash":     {change: edit(cut), want: fails("no")},
		"without, as wanted": {change: func(t *testing.T, w *world) { edit(cut)(t, w); w.request.Snapshot.SkipHashCheck = true }},
		"not the plan's":     {change: asked(func(r *preflight.Request) { r.Snapshot.SHA256 = "00" }), want: fails("the plan says 00")},
	})
}

// A corrupt snapshot can be told from a node that is not ready, for the exit code.
func TestSnapshotSentinel(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "kubeadm-1.37.yaml")
	must(t, os.WriteFile(w.snapshot, []byte("hello"), 0o600))
	_, err := w.results(t, preflight.All)
	if !errors.Is(err, preflight.ErrPreflight) || !errors.Is(err, snapshot.ErrNotSnapshot) {
		t.Errorf("got %v, want ErrPreflight and ErrNotSnapshot", err)
	}
}

type counter struct{ started, bytes int64 }

func (c *counter) Start(string, int64) { c.started++ }
func (c *counter) Add(n int64)         { c.bytes += n }
func (c *counter) Finish()             {}

func TestSnapshotIsReadOnceWithProgress(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "kubeadm-1.37.yaml")
	var c counter
	w.request.Snapshot.Progress = &c
	_, err := w.results(t)
	must(t, err)
	if c.started != 1 || c.bytes == 0 {
		t.Errorf("started %d times, %d bytes", c.started, c.bytes)
	}
}

func TestQuota(t *testing.T) {
	t.Parallel()
	quota := func(of func(size int64) int64) func(*testing.T, *world) {
		return func(t *testing.T, w *world) {
			f, err := snapshot.Open(w.snapshot)
			must(t, err)
			defer f.Close()
			size := f.Size()
			w.facts = func(f *node.Facts) { f.Etcd.Quota = of(size) }
		}
	}
	try(t, "Quota", map[string]wrong{
		"just fits":  {change: quota(func(size int64) int64 { return size + 1 }), want: warnings("too large for etcd's quota soon")},
		"just not":   {change: quota(func(size int64) int64 { return size }), want: fails("too large for etcd's quota")},
		"four fifth": {change: quota(func(size int64) int64 { return size/4*5 + 5 })},
		"no limit":   {change: quota(func(int64) int64 { return -1 })},
	})
}

func TestEtcdVersion(t *testing.T) {
	t.Parallel()
	etcd := func(version string, bump bool) func(*testing.T, *world) {
		return func(_ *testing.T, w *world) {
			w.request.Bump, w.request.TargetVersion = bump, "3.4"
			w.facts = func(f *node.Facts) { f.Etcd.Version = semver.New(version) }
		}
	}
	try(t, "EtcdVersion", map[string]wrong{
		"3.4.31":          {change: etcd("3.4.31", true), want: fails("can lose revisions")},
		"3.4.32":          {change: etcd("3.4.32", true)},
		"3.5.13":          {change: etcd("3.5.13", true), want: fails("3.5.14 cannot")},
		"3.5.13, no bump": {change: etcd("3.5.13", false)},
		"3.5.14":          {change: etcd("3.5.14", true)},
		"3.6.0-rc.1":      {change: etcd("3.6.0-rc.1", true)},
		"3.8.0":           {change: etcd("3.8.0", true), want: warnings("newer than 3.7")},
		"3.3.27":          {change: etcd("3.3.27", false), want: fails("3.4 to 3.7"), also: []string{"SnapshotVersion"}},
		"4.0.0":           {change: etcd("4.0.0", false), want: fails("3.4 to 3.7")},
		"an image's digest": {
			change: func(t *testing.T, w *world) {
				w.manifest(t, "etcd:v3.7.3", "etcd@sha256:8a3ee2f9f0f6d2ba8b31cbf5cf8af4a1a4c5f7b0d2a1f8c1b1e8f3a7f6e5d4c3")
			},
			want: fails("has no tag"), also: []string{"SnapshotVersion"},
		},
	})
}

// Real snapshots against the versions that are to serve them.
func TestSnapshotVersion(t *testing.T) {
	t.Parallel()
	cases := map[string]wrong{}
	for _, v := range []etcdtest.Version{etcdtest.V35, etcdtest.V36, etcdtest.V37} {
		real := realSnapshot(t, v)
		for _, server := range []string{"3.5.21", "3.6.6", "3.7.3"} {
			w := wrong{change: func(t *testing.T, w *world) {
				must(t, os.WriteFile(w.snapshot, real, 0o600))
				w.facts = func(f *node.Facts) { f.Etcd.Version = semver.New(server) }
			}}
			if server[:3] < string(v)[:3] {
				w.want = fails("would not start on it")
			}
			cases[string(v)+" for "+server] = w
		}
	}
	cases["written for the server"] = wrong{change: func(t *testing.T, w *world) {
		w.request.TargetVersion = "3.5"
		w.facts = func(f *node.Facts) { f.Etcd.Version = semver.New("3.5.21") }
	}}
	cases["written for a later one"] = wrong{
		change: func(t *testing.T, w *world) {
			w.request.TargetVersion = "3.7"
			w.facts = func(f *node.Facts) { f.Etcd.Version = semver.New("3.6.6") }
		},
		want: fails("the restore is made for 3.7, and etcd 3.6.6"),
	}
	try(t, "SnapshotVersion", cases)
}

func realSnapshot(t *testing.T, v etcdtest.Version) []byte {
	t.Helper()
	return snapshotOf(t, v, fmt.Sprintf(`{"metadata":{"uid":%q}}`, uid))
}

// snapshotOf is one of a real etcd that holds the namespace kube-system.
func snapshotOf(t *testing.T, v etcdtest.Version, namespace string) []byte {
	t.Helper()
	c := etcdtest.New(t, etcdtest.Config{Version: v, Size: 1})
	c.Start(t)
	client := c.Client(t)
	_, err := client.Put(t.Context(), "/registry/namespaces/kube-system", namespace)
	must(t, err)
	r, err := client.Snapshot(context.WithoutCancel(t.Context()))
	must(t, err)
	defer r.Close()
	text, err := io.ReadAll(r)
	must(t, err)
	return text
}
