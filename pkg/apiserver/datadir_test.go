package apiserver_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/etcd-restore/etcd-restore/pkg/apiserver"
	"github.com/etcd-restore/etcd-restore/pkg/kubeadm"
)

// store keeps kube-system/kubeadm-config as an API server does.
type store struct {
	mu        sync.Mutex
	data      map[string]string // nil: there is none
	version   int
	conflicts int    // how often somebody else is faster; -1: always
	patches   int    // that arrived
	refuse    string // a method
}

func (s *store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case r.URL.Path != "/api/v1/namespaces/kube-system/configmaps/kubeadm-config":
		refuse(w, 400, metav1.StatusReasonBadRequest)
	case r.Method == s.refuse:
		refuse(w, 403, metav1.StatusReasonForbidden)
	case s.data == nil:
		refuse(w, 404, metav1.StatusReasonNotFound)
	case r.Method == http.MethodGet:
		s.answer(w)
	case r.Method == http.MethodPatch && r.Header.Get("Content-Type") == "application/merge-patch+json":
		s.patch(w, r)
	default:
		refuse(w, 405, metav1.StatusReasonMethodNotAllowed)
	}
}

func (s *store) patch(w http.ResponseWriter, r *http.Request) {
	s.patches++
	var patch struct {
		Metadata struct{ ResourceVersion, UID string }
		Data     map[string]string
	}
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&patch); err != nil || patch.Metadata.UID != "u" {
		refuse(w, 400, metav1.StatusReasonBadRequest)
		return
	}
	if s.conflicts != 0 { // somebody else changes something else
		s.conflicts--
		s.version++
		s.data["other"] = strconv.Itoa(s.version)
	}
	if patch.Metadata.ResourceVersion != strconv.Itoa(s.version) {
		refuse(w, 409, metav1.StatusReasonConflict)
		return
	}
	s.version++
	for key, value := range patch.Data {
		s.data[key] = value
	}
	s.answer(w)
}

func (s *store) answer(w http.ResponseWriter) {
	answer(w, 200, corev1.ConfigMap{
		TypeMeta:   metav1.TypeMeta{Kind: "ConfigMap", APIVersion: "v1"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "kubeadm-config", UID: "u", ResourceVersion: strconv.Itoa(s.version)},
		Data:       s.data,
	})
}

const (
	before = "# by hand\nkind: ClusterConfiguration\netcd:\n    local: {dataDir:   \"/var/lib/etcd\"} # here\n"
	after  = "# by hand\nkind: ClusterConfiguration\netcd:\n    local: {dataDir:   \"/var/lib/etcd-2\"} # here\n"
)

func TestSetDataDir(t *testing.T) {
	t.Parallel()
	s := &store{data: map[string]string{kubeadm.ConfigKey: before, "other": "x"}, version: 7}
	c := dial(t, s)
	if dir, err := c.DataDir(t.Context()); err != nil || dir != "/var/lib/etcd" {
		t.Errorf("before: %q, %v", dir, err)
	}
	if changed, err := c.SetDataDir(t.Context(), "/var/lib/etcd-2"); err != nil || !changed {
		t.Errorf("changed: %t, %v", changed, err)
	}
	if s.data[kubeadm.ConfigKey] != after || s.data["other"] != "x" || len(s.data) != 2 {
		t.Errorf("got %q", s.data)
	}
	if dir, err := c.DataDir(t.Context()); err != nil || dir != "/var/lib/etcd-2" {
		t.Errorf("after: %q, %v", dir, err)
	}
	if changed, err := c.SetDataDir(t.Context(), "/var/lib/etcd-2"); err != nil || changed || s.patches != 1 {
		t.Errorf("again: %t, %v, %d patches", changed, err, s.patches)
	}
}

func TestSetDataDirWhileOthersWrite(t *testing.T) {
	t.Parallel()
	s := &store{data: map[string]string{kubeadm.ConfigKey: before}, conflicts: 3}
	if changed, err := dial(t, s).SetDataDir(t.Context(), "/var/lib/etcd-2"); err != nil || !changed || s.patches != 4 {
		t.Errorf("changed: %t, %v, %d patches", changed, err, s.patches)
	}
	if s.data["other"] != "3" || s.data[kubeadm.ConfigKey] != after {
		t.Errorf("got %q", s.data)
	}

	s = &store{data: map[string]string{kubeadm.ConfigKey: before}, conflicts: -1}
	changed, err := dial(t, s).SetDataDir(t.Context(), "/var/lib/etcd-2")
	if !errors.Is(err, apiserver.ErrConflict) || changed || s.data[kubeadm.ConfigKey] != before || s.patches != 10 {
		t.Errorf("changed: %t, %v, %d patches, %q", changed, err, s.patches, s.data)
	}
}

func TestNoDataDir(t *testing.T) {
	t.Parallel()
	config := func(text string) *store { return &store{data: map[string]string{kubeadm.ConfigKey: text}} }
	for name, tc := range map[string]struct {
		server *store
		want   error
	}{
		"no configmap":         {&store{}, apiserver.ErrNoConfig},
		"no key":               {&store{data: map[string]string{"ClusterStatus": ""}}, apiserver.ErrNoConfig},
		"external etcd":        {config("kind: ClusterConfiguration\netcd: {external: {endpoints: [x]}}\n"), kubeadm.ErrExternal},
		"garbage":              {config("]"), kubeadm.ErrConfig},
		"forbidden to read":    {&store{refuse: http.MethodGet}, apiserver.ErrForbidden},
		"forbidden to change":  {&store{data: map[string]string{kubeadm.ConfigKey: before}, refuse: http.MethodPatch}, apiserver.ErrForbidden},
		"no path":              {config(before), kubeadm.ErrConfig},
		"nothing but the kind": {config("kind: ClusterConfiguration\n"), kubeadm.ErrConfig},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := dial(t, tc.server)
			dir := "/var/lib/etcd-2"
			if name == "no path" {
				dir = "etcd-2"
			}
			if changed, err := c.SetDataDir(t.Context(), dir); !errors.Is(err, tc.want) || changed {
				t.Errorf("changed: %t, %v", changed, err)
			}
			if name == "forbidden to change" || name == "no path" {
				return
			}
			if dir, err := c.DataDir(t.Context()); !errors.Is(err, tc.want) {
				t.Errorf("got %q, %v", dir, err)
			}
		})
	}
}
