//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/etcd-restore/etcd-restore/test/e2e/lab"
)

// What ls and get tell of a snapshot is what kubectl told when it was taken; and what
// was deleted since can be applied again.
func TestObjects(t *testing.T) {
	s := setUp(t, lab.Options{})
	image := s.node.Image(t, "pause")
	must(t, s.objects.Deploy(t.Context(), "web", image, 2), s.objects.Set(t.Context(), "kept", "old"))
	s.eventually(t, func(ctx context.Context) error { return s.objects.Reconciled(ctx, "web", 2) })
	text, err := os.ReadFile("testdata/objects.yaml")
	must(t, err)
	s.node.Write(t, "/root/objects.yaml", text, 0o600)
	s.kubectl(t, "apply", "-f", "/root/objects.yaml")
	s.node.Write(t, "/root/widget.yaml", []byte(widget), 0o600)
	s.eventually(t, func(ctx context.Context) error { // the API server takes a while to serve a new kind
		r, err := s.node.Try(ctx, "kubectl", kubeconfig, "apply", "-f", "/root/widget.yaml")
		if err == nil && r.Code != 0 {
			err = fmt.Errorf("widget: %s", r.Stderr)
		}
		return err
	})
	s.makeMarket(t)
	s.node.Snapshot(t, snapshot)

	t.Run("equal to kubectl's", s.testEqual)
	t.Run("applied again", s.testApplied)
	t.Run("namespace deleted", s.testNamespaceDeleted)
	t.Run("undone", s.testUndone)
}

const (
	kubeconfig = "--kubeconfig=/etc/kubernetes/admin.conf"
	widget     = `{apiVersion: example.com/v1alpha1, kind: Widget, metadata: {name: small, namespace: shop}, spec: {size: 7, ratio: 0.5}}`
)

func (s *scene) kubectl(t *testing.T, args ...string) string {
	t.Helper()
	return s.node.Must(t, append([]string{"kubectl", kubeconfig}, args...)...)
}

// testEqual compares every object of every resource that the API server serves, in the
// version in which it is stored, unless it has changed since.
func (s *scene) testEqual(t *testing.T) {
	unserved := []string{"masterleases", "peerserverleases", "ranges"}
	equal := 0
	for resource := range strings.FieldsSeq(s.node.Must(t, plugin, "ls", snapshot, "-o", "name")) {
		if slices.Contains(unserved, resource) {
			continue
		}
		ours := items(t, s.node.Must(t, plugin, "get", snapshot, resource, "-o", "json", "--show-secrets", "--show-managed-fields"))
		seen := 0
		for version, mine := range byVersion(ours) {
			plural, group, _ := strings.Cut(resource, ".")
			r := s.node.Run(t, "kubectl", kubeconfig, "get", plural+"."+version+"."+group, "-A", "-o", "json", "--show-managed-fields")
			served := r.Code == 0
			if !served { // a young version is stored only when all API servers know it
				r.Stdout = s.kubectl(t, "get", resource, "-A", "-o", "json", "--show-managed-fields")
				t.Logf("%s is stored as %s, which is not served", resource, version)
			}
			theirs := items(t, r.Stdout)
			for id, o := range mine {
				if now, ok := theirs[id]; ok && metadata(now, "resourceVersion") == metadata(o, "resourceVersion") {
					seen++
					if !served {
						now["apiVersion"] = o["apiVersion"]
					}
					if diff := cmp.Diff(now, o); diff != "" {
						t.Errorf("%s %s: -kubectl +get\n%s", resource, id, diff)
					}
				}
			}
		}
		listed := len(strings.Fields(s.node.Must(t, plugin, "ls", snapshot, resource, "-o", "name")))
		if listed != len(ours) {
			t.Errorf("%s: %d objects listed, %d decoded", resource, listed, len(ours))
		}
		equal += seen
	}
	if equal < 150 {
		t.Errorf("only %d objects were compared", equal)
	}
	t.Logf("%d objects are equal", equal)
	want := s.kubectl(t, "get", "deployments,services,secrets,configmaps,roles,widgets", "-n", "shop", "-o", "name")
	got := s.node.Must(t, plugin, "ls", snapshot, "deploy,svc,secrets,cm,roles,wd", "-n", "shop", "-o", "name")
	requireEqual(t, "the names", want, got)
}

// items are the objects of a list by namespace and name.
func items(t *testing.T, text string) map[string]map[string]any {
	t.Helper()
	var list struct{ Items []map[string]any }
	must(t, json.Unmarshal([]byte(text), &list))
	all := map[string]map[string]any{}
	for _, o := range list.Items {
		all[fmt.Sprint(metadata(o, "namespace"), "/", metadata(o, "name"))] = o
	}
	return all
}

func byVersion(objects map[string]map[string]any) map[string]map[string]map[string]any {
	all := map[string]map[string]map[string]any{}
	for id, o := range objects {
		gv := fmt.Sprint(o["apiVersion"])
		version := gv[strings.LastIndex(gv, "/")+1:]
		if all[version] == nil {
			all[version] = map[string]map[string]any{}
		}
		all[version][id] = o
	}
	return all
}

func metadata(o map[string]any, field string) any {
	m, _ := o["metadata"].(map[string]any)
	return m[field]
}

// testApplied deletes what is in the namespace and pastes what the help of get shows.
func (s *scene) testApplied(t *testing.T) {
	objects := strings.Fields("cm/kept secret/token sa/seller svc/web pvc/disk limits/limits quota/quota job/once cj/nightly " +
		"sts/store hpa/store pdb/store netpol/closed ing/web role/seller rolebinding/seller wd/small deploy/web")
	s.kubectl(t, append([]string{"delete", "-n", "shop", "--timeout=2m"}, objects...)...)
	for _, o := range objects {
		s.node.Shell(t, "set -o pipefail; "+plugin+" get "+snapshot+` "$1" -n shop --for-apply --show-secrets | kubectl `+kubeconfig+" apply -f -", o)
	}
	s.eventually(t, func(ctx context.Context) error { return s.objects.Reconciled(ctx, "web", 2) })
	s.kubectl(t, append([]string{"get", "-n", "shop"}, objects...)...)
}
