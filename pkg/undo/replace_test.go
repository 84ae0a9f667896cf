package undo

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// What the living cluster knows better stays when an object is replaced: the claim of a
// volume, the volume of a claim, the address of a Service, the node of a pod, owners.
func TestPatch(t *testing.T) {
	t.Parallel()
	labels := func(app, uid string) map[string]any {
		return map[string]any{
			"name": "x", "uid": uid, "resourceVersion": uid + "1", "labels": map[string]any{"app": app},
			"ownerReferences": []any{map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "name": "boss", "uid": "of " + uid}},
		}
	}
	spec := func(fields map[string]any) map[string]any { return map[string]any{"spec": fields} }
	for _, tc := range []struct {
		version, kind string
		was, is       map[string]any
	}{
		{"v1", "PersistentVolume", map[string]any{"claimRef": map[string]any{"namespace": "shop", "name": "a", "uid": "1"}}, map[string]any{"claimRef": map[string]any{"namespace": "evil", "name": "b", "uid": "2"}}},
		{"v1", "PersistentVolumeClaim", map[string]any{"volumeName": "a"}, map[string]any{"volumeName": "b"}},
		{"v1", "Service", map[string]any{"clusterIP": "10.0.0.1", "clusterIPs": []any{"10.0.0.1"}}, map[string]any{"clusterIP": "10.0.0.2", "clusterIPs": []any{"10.0.0.2"}}},
		{"v1", "Pod", map[string]any{"nodeName": "a"}, map[string]any{"nodeName": "b"}},
	} {
		i := &Item{object: object(tc.version, tc.kind, labels("old", "1"), spec(tc.was)), live: object(tc.version, tc.kind, labels("new", "2"), spec(tc.is), map[string]any{"status": map[string]any{"phase": "Bound"}})}
		asNew(i.object)
		if diff := cmp.Diff([]string{"metadata.labels.app"}, i.differs()); diff != "" {
			t.Errorf("%s: -want +got\n%s", tc.kind, diff)
		}
		text, err := i.patch()
		if err != nil {
			t.Fatal(err)
		}
		var got map[string]any
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
		want := map[string]any{"metadata": map[string]any{"labels": map[string]any{"app": "old"}, "uid": "2", "resourceVersion": "21"}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -want +got\n%s", tc.kind, diff)
		}
	}
}

// The token of an account is worth nothing once the account is another one.
func TestTokensAreMadeAnew(t *testing.T) {
	t.Parallel()
	secret := func(kind string) *unstructured.Unstructured {
		return object("v1", "Secret", map[string]any{"name": "x"}, map[string]any{"type": kind, "data": map[string]any{"token": "c2VjcmV0"}})
	}
	token, other := secret("kubernetes.io/service-account-token"), secret("Opaque")
	asNew(token)
	asNew(other)
	if token.Object["data"] != nil || other.Object["data"] == nil {
		t.Errorf("got %v and %v", token, other)
	}
}
