package kubeobject

import (
	"errors"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// names are those of a cluster with some resources of its own.
func names() *Names {
	n := &Names{kinds: builtinKinds(), keys: []schema.GroupResource{
		core("masterleases"), core("pods"), grouped("widgets", "example.com"), grouped("oddities", "example.org"), grouped("policies", "b.example.org"),
	}}
	for _, k := range []map[string]any{
		crd("example.com", "widgets", "widget", "Widget", "wd"),
		crd("a.example.org", "policies", "policy", "Policy", "pol"),
		crd("b.example.org", "policies", "policy", "Policy", "pol"),
		crd("c.example.org", "gears", "gear", "Gear", "g"),
		crd("d.example.org", "gears", "gear", "Gear", "g"),
	} {
		kind, ok := customKind(k)
		if !ok {
			panic("no kind")
		}
		n.kinds = append(n.kinds, kind)
	}
	return n
}

func crd(group, plural, singular, kind, short string) map[string]any {
	return map[string]any{"spec": map[string]any{"group": group, "names": map[string]any{
		"plural": plural, "singular": singular, "kind": kind, "shortNames": []any{short},
	}}}
}

func TestResolve(t *testing.T) {
	t.Parallel()
	apps := func(r string) schema.GroupResource { return grouped(r, "apps") }
	for name, want := range map[string]schema.GroupResource{
		"pods": core("pods"), "pod": core("pods"), "Pod": core("pods"), "po": core("pods"), "PODS": core("pods"),
		"svc": core("services"), "no": core("nodes"), "ns": core("namespaces"), "cm": core("configmaps"), "ep": core("endpoints"),
		"sa": core("serviceaccounts"), "pv": core("persistentvolumes"), "pvc": core("persistentvolumeclaims"), "rc": core("replicationcontrollers"),
		"quota": core("resourcequotas"), "limits": core("limitranges"), "secret": core("secrets"),
		"ev": core("events"), "events": core("events"), "events.events.k8s.io": core("events"), "event.v1.events.k8s.io": core("events"),
		"deploy": apps("deployments"), "deployments": apps("deployments"), "deployments.apps": apps("deployments"), "deployment.v1.apps": apps("deployments"),
		"deployments.extensions": apps("deployments"),
		"ds":                     apps("daemonsets"), "sts": apps("statefulsets"), "rs": apps("replicasets"),
		"job": grouped("jobs", "batch"), "cj": grouped("cronjobs", "batch"), "hpa": grouped("horizontalpodautoscalers", "autoscaling"),
		"ing": grouped("ingresses", "networking.k8s.io"), "netpol": grouped("networkpolicies", "networking.k8s.io"),
		"pdb": grouped("poddisruptionbudgets", "policy"), "pc": grouped("priorityclasses", "scheduling.k8s.io"),
		"sc": grouped("storageclasses", "storage.k8s.io"), "csr": grouped("certificatesigningrequests", "certificates.k8s.io"),
		"role": grouped("roles", "rbac.authorization.k8s.io"), "lease": grouped("leases", "coordination.k8s.io"),
		"endpointslices": grouped("endpointslices", "discovery.k8s.io"), "roles.rbac": grouped("roles", "rbac.authorization.k8s.io"),
		"crd": crdResource(), "crds": crdResource(), "apiservice": grouped("apiservices", "apiregistration.k8s.io"),

		"widgets": grouped("widgets", "example.com"), "wd": grouped("widgets", "example.com"), "Widget": grouped("widgets", "example.com"),
		"widgets.example.com": grouped("widgets", "example.com"), "widget.v1.example.com": grouped("widgets", "example.com"),
		"oddities": grouped("oddities", "example.org"), "oddities.example.org": grouped("oddities", "example.org"), // no CRD is left
		"policy":       grouped("policies", "b.example.org"), // of the other there are no objects
		"policies.a":   grouped("policies", "a.example.org"),
		"masterleases": core("masterleases"),
	} {
		if got, err := names().Resolve(name); err != nil || got != want {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	for name, want := range map[string]string{
		"gadgets":       `no such resource: "gadgets"`,
		"":              `no such resource: ""`,
		".":             `no such resource: "."`,
		"pods.apps":     `no such resource: "pods.apps"`,
		"gear":          `no such resource: "gear" is one of gears.c.example.org, gears.d.example.org`,
		"masterleases.": `no such resource: "masterleases."`,
	} {
		if got, err := names().Resolve(name); !errors.Is(err, ErrResource) || err.Error() != want {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// Every built-in kind is found by all its names, and keys of it are of its resource.
func TestBuiltinKinds(t *testing.T) {
	t.Parallel()
	n, l := &Names{kinds: builtinKinds()}, NewLayout(DefaultPrefix)
	if len(n.kinds) < 80 {
		t.Errorf("%d kinds", len(n.kinds))
	}
	short := map[string]string{}
	for _, k := range n.kinds {
		for _, name := range []string{k.Plural + "." + k.Group, k.Kind + "." + k.Group, k.Singular} {
			if got, err := n.Resolve(name); err != nil || got != k.Resource {
				t.Errorf("%s: %v, %v", name, got, err)
			}
		}
		if got, ok := n.Stored(schema.GroupKind{Group: k.Group, Kind: k.Kind}); !ok || got != k.Resource {
			t.Errorf("%s.%s: %v", k.Kind, k.Group, got)
		}
		for _, s := range k.Short {
			if other := short[s]; other != "" && other != k.Plural {
				t.Errorf("%s is %s and %s", s, other, k.Plural)
			}
			short[s] = k.Plural
		}
	}
	for dir, resource := range specialDirs() {
		if p := l.Path("/registry/" + dir + "/a/b"); p.Resource != resource || p.Foreign {
			t.Errorf("%s: %+v", dir, p)
		}
	}
	for plural := range shortNames() {
		if _, err := n.Resolve(plural); err != nil && plural != "podsecuritypolicies" {
			t.Error(err)
		}
	}
}
