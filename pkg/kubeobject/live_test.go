package kubeobject_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	clientv3 "go.etcd.io/etcd/client/v3"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/etcd-restore/etcd-restore/pkg/keyspace"
	"github.com/etcd-restore/etcd-restore/pkg/kubeobject"
)

// TestEveryKind puts every kind that Kubernetes has, as this release of it and the
// ones before store it, through an etcd, and compares with what it shows of it.
func TestEveryKind(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	want := map[string]map[string]any{}
	for _, release := range []string{"HEAD", "v1.33.0"} {
		for _, g := range goldens(t, release) {
			if passing(g) {
				continue
			}
			key := fmt.Sprintf("/registry/pods/%s/%s", strings.ToLower(release), g.name)
			want[key] = object(t, g.shown, c.put(key, string(g.stored)))
		}
	}
	ix := c.index(kubeobject.Options{})
	if ix.Len() != len(want) || len(want) < 200 {
		t.Errorf("%d objects, not %d", ix.Len(), len(want))
	}
	for e := range ix.All() {
		shown := &unstructured.Unstructured{Object: want[e.Key]}
		o, err := ix.Object(e)
		switch {
		case errors.Is(err, kubeobject.ErrUnknownKind) && e.Namespace != "head": // removed since
		case err != nil:
			t.Errorf("%s: %v", e.Key, err)
		default:
			if diff := cmp.Diff(shown.Object, plain(t, o)); diff != "" {
				t.Errorf("%s: -want +got\n%s", e.Key, diff)
			}
		}
		m, err := ix.Metadata(e)
		if err != nil || m.APIVersion != shown.GetAPIVersion() || m.Kind != shown.GetKind() || m.Name != shown.GetName() || m.UID != shown.GetUID() ||
			!m.CreationTimestamp.Time.Equal(shown.GetCreationTimestamp().Time) || !cmp.Equal(m.Labels, shown.GetLabels()) {
			t.Errorf("%s: %+v, %v", e.Key, m, err)
		}
	}
}

// passing is what is in requests and answers, and never stored.
func passing(g golden) bool {
	for _, prefix := range []string{"admission.k8s.io.", "apidiscovery.k8s.io.", "imagepolicy.k8s.io.", "core.v1.Status"} {
		if strings.HasPrefix(g.name, prefix) {
			return true
		}
	}
	return !strings.Contains(string(g.shown), "\n  \"metadata\": {")
}

// plain is an object as JSON has it, in which all numbers are alike.
func plain(t *testing.T, o *unstructured.Unstructured) (m map[string]any) {
	t.Helper()
	text, err := json.Marshal(o.Object)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// TestOlderRevisions compares what is live at every revision with what the server
// answers for it.
func TestOlderRevisions(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	widget := func(i int) string {
		return fmt.Sprintf(`{"kind":"Widget","apiVersion":"example.com/v1","metadata":{"name":"w"},"spec":{"size":%d}}`, i)
	}
	var compacted int64
	for i := range 8 {
		c.put("/registry/example.com/widgets/shop/w", widget(i))
		c.put(fmt.Sprintf("/registry/example.com/widgets/shop/w%d", i%3), widget(i))
		c.put("compact_rev_key", fmt.Sprint(i))
		c.delete(fmt.Sprintf("/registry/example.com/widgets/shop/w%d", (i+1)%3))
		if i == 2 {
			compacted = c.delete("/registry/example.com/widgets/shop/w")
		}
	}
	if _, err := c.client.Compact(t.Context(), compacted, clientv3.WithCompactPhysical()); err != nil {
		t.Fatal(err)
	}
	path := c.snapshot()
	latest, err := open(t, path, kubeobject.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if latest.Compacted != compacted {
		t.Errorf("compacted at %d", latest.Compacted)
	}
	for rev := compacted; rev <= latest.Current; rev++ {
		ix, err := open(t, path, kubeobject.Options{Revision: rev})
		if err != nil {
			t.Fatal(err)
		}
		resp, err := c.client.Get(t.Context(), "\x00", clientv3.WithFromKey(), clientv3.WithRev(rev))
		if err != nil {
			t.Fatal(err)
		}
		var want, got []string
		for _, kv := range resp.Kvs {
			want = append(want, fmt.Sprint(string(kv.Key), string(kv.Value), kv.ModRevision, kv.CreateRevision))
		}
		for e := range ix.All() {
			if err := ix.Value(e, func(value []byte) error {
				got = append(got, fmt.Sprint(e.Key, string(value), e.Mod, e.Create))
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("revision %d: -want +got\n%s", rev, diff)
		}
		total := ix.Total()
		if total.Objects != len(want) || total.Objects+total.History != latest.Total().Objects+latest.Total().History || ix.Revision != rev {
			t.Errorf("revision %d: %+v", ix.Revision, total)
		}
	}
	if _, err := open(t, path, kubeobject.Options{Revision: compacted - 1}); !errors.Is(err, keyspace.ErrCompacted) {
		t.Error(err)
	}
	if _, err := open(t, path, kubeobject.Options{Revision: latest.Current + 1}); !errors.Is(err, keyspace.ErrFuture) {
		t.Error(err)
	}
}

// TestSummary counts by resource, whatever the values are.
func TestSummary(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.put("/registry/pods/shop/a", "k8s\x00")
	c.put("/registry/pods/shop/a", "k8s\x00, changed")
	c.put("/registry/pods/shop/b", "garbage")
	c.delete("/registry/pods/shop/b")
	c.put("/registry/services/specs/shop/web", "x")
	c.put("/registry/example.com/widgets/shop/w", "{}")
	c.put("/calico/ipam/x", "x")
	c.put("compact_rev_key", "7")
	ix := c.index(kubeobject.Options{})
	var got []string
	sum := kubeobject.Usage{}
	for _, u := range ix.Usage {
		got = append(got, fmt.Sprint(u.Resource, " ", u.Foreign, " ", u.Objects, "+", u.History))
		sum.Size += u.Size + u.HistorySize
	}
	want := []string{
		"pods false 1+3", "services false 1+0", "widgets.example.com false 1+0", "(other) true 1+0", "/calico true 1+0",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if total := ix.Total(); total.Objects != 5 || total.History != 3 || sum.Size != total.Size+total.HistorySize || total.Size < 100 {
		t.Errorf("%+v", total)
	}
}

// TestPrefixIsFoundOut opens the etcd of API servers with another --etcd-prefix.
func TestPrefixIsFoundOut(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.put("/kubernetes.io/namespaces/kube-system", "x")
	c.put("/kubernetes.io/pods/kube-system/dns", "x")
	c.put("/openshift.io/routes/shop/web", "x")
	ix := c.index(kubeobject.Options{})
	if ix.Prefix != "/kubernetes.io" || len(ix.Usage) != 3 || ix.Usage[0].Resource.Resource != "namespaces" || ix.Len() != 3 {
		t.Errorf("%s: %+v", ix.Prefix, ix.Usage)
	}
	ix = c.index(kubeobject.Options{Prefix: "/openshift.io"})
	if ix.Prefix != "/openshift.io" || ix.Usage[0].Resource.Resource != "routes" {
		t.Errorf("%s: %+v", ix.Prefix, ix.Usage)
	}
}

func TestOpenEndsWithItsContext(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.put("/registry/configmaps/shop/large", strings.Repeat("x", 100_000)) // not in one page with its bucket
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := openUntil(ctx, t, c.snapshot(), kubeobject.Options{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
