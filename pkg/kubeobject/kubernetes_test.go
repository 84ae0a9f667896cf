package kubeobject_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/etcd-restore/etcd-restore/pkg/kubeobject"
	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// cluster is an etcd of which snapshots are read.
type cluster struct {
	t      *testing.T
	client *clientv3.Client
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	c := etcdtest.New(t, etcdtest.Config{Version: etcdtest.V37})
	c.Start(t)
	return &cluster{t, c.Client(t)}
}

// put returns the revision.
func (c *cluster) put(key, value string) int64 {
	c.t.Helper()
	resp, err := c.client.Put(c.t.Context(), key, value)
	if err != nil {
		c.t.Fatal(err)
	}
	return resp.Header.Revision
}

func (c *cluster) delete(key string) int64 {
	c.t.Helper()
	resp, err := c.client.Delete(c.t.Context(), key)
	if err != nil {
		c.t.Fatal(err)
	}
	return resp.Header.Revision
}

// snapshot saves one.
func (c *cluster) snapshot() string {
	c.t.Helper()
	r, err := c.client.Snapshot(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	defer r.Close()
	path := filepath.Join(c.t.TempDir(), "snapshot.db")
	f, err := os.Create(path)
	if err != nil {
		c.t.Fatal(err)
	}
	defer f.Close()
	if _, err := io.Copy(f, r); err != nil {
		c.t.Fatal(err)
	}
	return path
}

// index opens a snapshot of now.
func (c *cluster) index(o kubeobject.Options) *kubeobject.Index {
	c.t.Helper()
	ix, err := open(c.t, c.snapshot(), o)
	if err != nil {
		c.t.Fatal(err)
	}
	return ix
}

func open(t *testing.T, path string, o kubeobject.Options) (*kubeobject.Index, error) {
	t.Helper()
	return openUntil(t.Context(), t, path, o)
}

// openUntil is open with an end.
func openUntil(ctx context.Context, t *testing.T, path string, o kubeobject.Options) (*kubeobject.Index, error) {
	t.Helper()
	f, err := snapshot.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	view, err := f.Keyspace()
	if err != nil {
		t.Fatal(err)
	}
	return kubeobject.Open(ctx, view, o)
}

// golden are the objects that the API of Kubernetes is tested with: each kind with
// every field set, as its API server stores it and as it shows it.
type golden struct {
	name   string // GROUP.VERSION.KIND
	stored []byte
	shown  []byte
}

// goldens are those of a release of Kubernetes, HEAD being the one that this program
// is built with.
func goldens(t *testing.T, release string) (all []golden) {
	t.Helper()
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "k8s.io/api").Output()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(dir)), "testdata", release, "*.pb"))
	if err != nil || len(files) < 100 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(file, ".pb")
		if strings.HasSuffix(name, ".after_roundtrip") {
			continue
		}
		g := golden{name: filepath.Base(name)}
		if g.stored, err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
		g.shown, err = os.ReadFile(name + ".after_roundtrip.json")
		if errors.Is(err, fs.ErrNotExist) {
			g.shown, err = os.ReadFile(name + ".json")
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, g)
	}
	return all
}

// object is JSON with the resource version that the object was stored at.
func object(t *testing.T, text []byte, mod int64) map[string]any {
	t.Helper()
	var o map[string]any
	if err := json.Unmarshal(text, &o); err != nil {
		t.Fatal(err)
	}
	if m, ok := o["metadata"].(map[string]any); ok {
		m["resourceVersion"] = fmt.Sprint(mod)
	}
	return o
}
