package kubediff

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/etcd-restore/etcd-restore/pkg/kubeobject"
	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
	"github.com/etcd-restore/etcd-restore/test/bench/fixture"
)

// api is as much of an API server as a comparison asks: what no server here can be made
// to do, such as to forget a list in the middle.
type api struct {
	t       *testing.T
	answers map[string]any
	expired atomic.Bool // the second page of the ConfigMaps was asked for once
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	if token := r.URL.Query().Get("continue"); token != "" {
		path += "?" + token
		if a.expired.CompareAndSwap(false, true) {
			a.write(w, 410, status(410, "Expired"))
			return
		}
	}
	switch answer, found := a.answers[path]; {
	case path == "/api/v1/secrets":
		a.write(w, 403, status(403, "Forbidden"))
	case !found:
		a.write(w, 404, status(404, "NotFound"))
	default:
		a.write(w, 200, answer)
	}
}

func (a *api) write(w http.ResponseWriter, code int, answer any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		a.t.Error(err)
	}
}

type m = map[string]any

func status(code int, reason string) m {
	return m{"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": reason}
}

func resources(gv string, names ...string) m {
	var list []m
	for _, n := range names {
		kind := map[string]string{"configmaps": "ConfigMap", "secrets": "Secret", "deployments": "Deployment", "pods": "PodMetrics", "widgets": "Widget", "componentstatuses": "ComponentStatus"}[n]
		verbs := []string{"create", "get", "list"}
		if n == "componentstatuses" {
			verbs = verbs[1:]
		}
		list = append(list, m{"name": n, "kind": kind, "namespaced": true, "verbs": verbs})
	}
	return m{"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": gv, "resources": append(list, m{"name": "configmaps/status", "kind": "ConfigMap", "verbs": []string{"list", "create"}})}
}

func group(name string, versions ...string) m {
	var list []m
	for _, v := range versions {
		list = append(list, m{"groupVersion": name + "/" + v, "version": v})
	}
	return m{"name": name, "versions": list, "preferredVersion": list[0]}
}

func objects(more string, items ...m) m {
	return m{"kind": "List", "apiVersion": "v1", "metadata": m{"continue": more, "resourceVersion": "99"}, "items": items}
}

func live(name string, rv int, data string) m {
	return m{"kind": "ConfigMap", "apiVersion": "v1", "metadata": m{"name": name, "namespace": "shop", "resourceVersion": fmt.Sprint(rv)}, "data": m{"a": data}}
}

func widget(version, name, size string, rv int) m {
	return m{"kind": "Widget", "apiVersion": "example.com/" + version, "metadata": m{"name": name, "namespace": "shop", "resourceVersion": fmt.Sprint(rv)}, "size": size}
}

func TestLive(t *testing.T) {
	t.Parallel()
	// What is in the snapshot, from revision 2 on.
	var values []fixture.Value
	store := func(key string, o m) {
		b, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		values = append(values, fixture.Value{Key: key, Value: b})
	}
	for _, name := range []string{"deleted", "kept", "same", "touched"} { // 2 to 5
		store("/registry/configmaps/shop/"+name, live(name, 0, "old"))
	}
	store("/registry/secrets/shop/s", m{"kind": "Secret", "apiVersion": "v1", "metadata": m{"name": "s"}})
	store("/registry/example.com/widgets/shop/w", widget("v1", "w", "1", 0))
	store("/registry/gone.example.com/things/shop/t", m{"kind": "Thing", "apiVersion": "gone.example.com/v1", "metadata": m{"name": "t"}})
	store("/registry/leases/shop/l", m{"kind": "Lease", "apiVersion": "coordination.k8s.io/v1", "metadata": m{"name": "l"}})
	store("/registry/masterleases/10.0.0.1", m{"kind": "Endpoints", "apiVersion": "v1", "metadata": m{}})
	path := filepath.Join(t.TempDir(), "snapshot.db")
	if err := fixture.Write(path, fixture.Options{Bytes: 10_000, Also: values}); err != nil {
		t.Fatal(err)
	}

	server := httptest.NewServer(&api{t: t, answers: map[string]any{
		"/api":                 m{"kind": "APIVersions", "versions": []string{"v1"}},
		"/apis":                m{"kind": "APIGroupList", "apiVersion": "v1", "groups": []m{group("example.com", "v2", "v1"), group("metrics.k8s.io", "v1"), group("down.example.com", "v1")}},
		"/api/v1":              resources("v1", "configmaps", "secrets", "componentstatuses"),
		"/apis/example.com/v2": resources("example.com/v2", "widgets"), "/apis/example.com/v1": resources("example.com/v1", "widgets"),
		"/apis/metrics.k8s.io/v1": resources("metrics.k8s.io/v1", "pods"),
		"/apis/apiregistration.k8s.io/v1/apiservices": objects("",
			m{"kind": "APIService", "apiVersion": "apiregistration.k8s.io/v1", "metadata": m{"name": "a"}, "spec": m{"group": "metrics.k8s.io", "version": "v1", "service": m{"name": "metrics"}}},
			m{"kind": "APIService", "apiVersion": "apiregistration.k8s.io/v1", "metadata": m{"name": "b"}, "spec": m{"group": "", "version": "v1"}}),
		"/api/v1/configmaps":           objects("next", live("kept", 50, "new"), live("later", 51, "new")),
		"/api/v1/configmaps?next":      objects("", live("same", 4, "whatever"), live("touched", 52, "old")),
		"/apis/example.com/v1/widgets": objects("", widget("v1", "w", "2", 53)),
	}})
	t.Cleanup(server.Close)
	config := &rest.Config{Host: server.URL, Timeout: 20 * time.Second}
	d, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	f, err := snapshot.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	view, err := f.Keyspace()
	if err != nil {
		t.Fatal(err)
	}
	index, err := kubeobject.Open(t.Context(), view, kubeobject.Options{})
	if err != nil {
		t.Fatal(err)
	}
	names, err := index.Names()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	skipped, err := Live{d, client}.Compare(t.Context(), index, names, Options{Fields: true}, func(c Change) error {
		line := fmt.Sprint(c.Op, " ", c.Resource, " ", c.Name)
		for _, f := range c.Fields {
			line += fmt.Sprint(" ", f.Path, " ", f.Was, " ", f.Will)
		}
		got = append(got, line)
		return nil
	})
	want := []string{
		"restore configmaps deleted", `change configmaps kept data.a "new" "old"`, "remove configmaps later",
		"restore things.gone.example.com t",
		`change widgets.example.com w size "2" "1"`,
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	if len(skipped) != 2 { // the Secrets, and the group whose server is down
		t.Errorf("%v", skipped)
	}
}
