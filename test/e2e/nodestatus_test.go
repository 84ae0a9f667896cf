//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/etcd-restore/etcd-restore/test/e2e/lab"
)

// nodeStatus is what a script reads of node status -o json.
type nodeStatus struct {
	Verdict struct {
		State, Message string
		Next           []string
	}
	Manifests struct {
		Components []struct {
			Name, File, Error string
			Container         struct{ State string }
		}
		Stray []struct{ File, Problem string }
	}
	Data struct {
		InUse                 bool
		Revision              int64
		MemberID, ClusterID   string
		Error, DatabaseError  string
		DBSizeBytes, UID, GID int64
	}
	Health       struct{ Serves bool }
	Kubelet      struct{ Running, Healthy bool }
	Runtime      struct{ Name, Error string }
	Certificates []struct{ Name, State string }
}

func status(ctx context.Context, n *lab.Node, as ...string) (s nodeStatus, err error) {
	r, err := n.Try(ctx, append(as, plugin, "node", "status", "-o", "json")...)
	if err != nil || r.Code != 0 {
		return s, fmt.Errorf("ended with %d: %w\n%s%s", r.Code, err, r.Stdout, r.Stderr)
	}
	return s, json.Unmarshal([]byte(r.Stdout), &s)
}

// saved is what a script reads of node save -o json.
type saved struct {
	From       string
	Revision   int64
	Kubernetes bool
	Salvage    *struct{ Complete bool }
}

func saveNode(t *testing.T, n *lab.Node, path string) (s saved) {
	t.Helper()
	r := n.Run(t, plugin, "node", "save", path, "-o", "json")
	requireCode(t, done, r)
	must(t, json.Unmarshal([]byte(r.Stdout), &s))
	return s
}

// What is there is told as it is, whatever else is dead.
func TestNodeStatus(t *testing.T) {
	t.Parallel()
	takeRoom(t, lab.Options{})
	l := lab.Up(t, lab.Options{Programs: programs()})
	n := l.Node(1)
	// until waits for a verdict, since the kubelet takes its time, and returns it.
	until := func(t *testing.T, state, has string, as ...string) (s nodeStatus) {
		t.Helper()
		must(t, lab.Eventually(t.Context(), 2*time.Minute, func(ctx context.Context) (err error) {
			if s, err = status(ctx, n, as...); err == nil && (s.Verdict.State != state || !strings.Contains(s.Verdict.Message, has)) {
				err = fmt.Errorf("%+v", s.Verdict)
			}
			return err
		}))
		return s
	}

	healthy := until(t, "healthy", "")
	t.Run("healthy", func(t *testing.T) {
		s := healthy
		for _, c := range s.Manifests.Components {
			if c.File != c.Name+".yaml" || c.Container.State != "running" {
				t.Errorf("%+v", c)
			}
		}
		for _, c := range s.Certificates {
			if c.State != "good" {
				t.Errorf("%+v", c)
			}
		}
		if len(s.Manifests.Components) != 4 || len(s.Certificates) != 5 || len(s.Manifests.Stray) != 0 || !s.Data.InUse || s.Data.Revision == 0 ||
			s.Data.MemberID == "" || s.Data.ClusterID == "" || !s.Health.Serves || !s.Kubelet.Healthy || s.Runtime.Name == "" {
			t.Errorf("%+v", s)
		}
		if s := saveNode(t, n, "/root/live.db"); s.From != "live" || !s.Kubernetes || s.Salvage != nil {
			t.Errorf("%+v", s)
		}
	})
	t.Run("without a verb", func(t *testing.T) {
		r := n.Run(t, plugin)
		requireCode(t, done, r)
		if !strings.Contains(r.Stdout, "node cp1") || !strings.Contains(r.Stdout, "HEALTHY: ") {
			t.Errorf("it says\n%s", r.Stdout)
		}
	})
	t.Run("not root", func(t *testing.T) {
		until(t, "unknown", "root", "setpriv", "--reuid=65534", "--clear-groups")
	})
	t.Run("stray file", func(t *testing.T) {
		n.Write(t, lab.ManifestDir+"/notes.txt", []byte("remember the milk"), 0o600)
		if s := until(t, "degraded", "in the way"); len(s.Manifests.Stray) != 1 || !strings.HasPrefix(s.Verdict.Next[0], "mv -n ") {
			t.Errorf("%+v", s)
		}
		n.Must(t, "rm", lab.ManifestDir+"/notes.txt")
		until(t, "healthy", "")
	})
	t.Run("all stopped", func(t *testing.T) {
		n.StopControlPlane(t)
		s := until(t, "down", "no manifest")
		if s.Data.InUse || s.Data.DatabaseError != "" || s.Data.MemberID != healthy.Data.MemberID {
			t.Errorf("%+v", s.Data)
		}
		if got := saveNode(t, n, "/root/dead.db"); got.From != "data-dir" || got.Salvage == nil || !got.Salvage.Complete || got.Revision < s.Data.Revision {
			t.Errorf("%+v", got)
		}
		n.StartControlPlane(t)
		until(t, "healthy", "")
	})
	t.Run("kubelet stopped", func(t *testing.T) {
		n.Kubelet(t, "stop")
		if s := until(t, "degraded", "kubelet"); s.Kubelet.Running || !s.Health.Serves {
			t.Errorf("%+v", s)
		}
	})
	// A kubelet that starts while its API server does not serve yet would start again
	// what is stopped: it stays away.
	t.Run("data lost", func(t *testing.T) {
		n.SpoilData(t)
		if s := until(t, "down", "cannot be read"); s.Health.Serves {
			t.Errorf("%+v", s)
		}
		if r := n.Run(t, plugin, "node", "save", "/root/lost.db"); r.Code != 5 && r.Code != 6 && r.Code != 1 {
			t.Errorf("ended with %d\n%s", r.Code, r.Stderr)
		}
		if r := n.Run(t, "test", "-e", "/root/lost.db"); r.Code == 0 {
			t.Error("there is a snapshot of lost data")
		}
	})
}
