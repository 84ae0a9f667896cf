package noderestore

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/etcd-restore/etcd-restore/pkg/controlplane"
	"github.com/etcd-restore/etcd-restore/pkg/cri"
)

// starter is a kubelet that runs what has a manifest in its folder, and remembers in which
// order they came.
type starter struct {
	quiet
	folder string
	deaf   error // to all manifests

	mu   sync.Mutex
	runs map[string]bool
	seen []string // what was new at a look, with a plus between
}

func (s *starter) Pods(context.Context, cri.Filter) (pods []cri.Pod, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.deaf != nil {
		return nil, s.deaf
	}
	entries, err := os.ReadDir(s.folder)
	var fresh []string
	for _, e := range entries {
		name := strings.TrimSuffix(e.Name(), ".yaml")
		if !s.runs[name] {
			s.runs[name] = true
			fresh = append(fresh, name)
		}
		pods = append(pods, cri.Pod{
			Name: name + "-cp1", Namespace: "kube-system", Static: true, Ready: true,
			Containers: []cri.Container{{Name: name, State: cri.Running}},
		})
	}
	if len(fresh) > 0 {
		s.seen = append(s.seen, strings.Join(fresh, "+"))
	}
	return pods, err
}

// The API server has the node to itself while it starts; the others come, whether it
// becomes ready or not.
func TestStartClients(t *testing.T) {
	t.Parallel()
	broken := errors.New("the runtime does not answer")
	for name, tc := range map[string]struct {
		kubeconfigs []string // none: it is ready as soon as it runs
		deaf        error
		seen        []string
	}{
		"ready":       {nil, nil, []string{"kube-apiserver", "kube-controller-manager+kube-scheduler"}},
		"never ready": {[]string{"/dev/null"}, nil, []string{"kube-apiserver", "kube-controller-manager+kube-scheduler"}},
		"not started": {nil, broken, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "kubeadm-1.37.yaml", single)
			m := bare(w.plan(t, ModeManifest))
			m.Kubeconfigs, m.Timeout = tc.kubeconfigs, time.Second
			kubelet := &starter{folder: m.part.Folder, deaf: tc.deaf, runs: map[string]bool{}}
			must(t, m.old.TakeOut(m.part.pods()...))
			m.old.Runtime = kubelet
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if tc.deaf != nil { // it gives up when the context ends
				cancel()
			}
			if err := m.startClients(ctx); (err == nil) != (tc.deaf == nil) {
				t.Errorf("got %v", err)
			}
			if diff := cmp.Diff(tc.seen, kubelet.seen); diff != "" {
				t.Error(diff)
			}
			for _, p := range m.part.clients() {
				if !isThere(filepath.Join(m.part.Folder, p.File)) {
					t.Errorf("%s is not in", p.File)
				}
			}
			if isThere(filepath.Join(m.part.Folder, m.part.pod(controlplane.Etcd).File)) {
				t.Error("etcd is somebody else's to start")
			}
		})
	}
}
