package kubeobject

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func core(resource string) schema.GroupResource { return schema.GroupResource{Resource: resource} }

func grouped(resource, group string) schema.GroupResource {
	return schema.GroupResource{Group: group, Resource: resource}
}

func TestPath(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]Path{
		"/registry/pods/shop/web-1":                                    {core("pods"), "shop", "web-1", false},
		"/registry/minions/node-1":                                     {core("nodes"), "", "node-1", false},
		"/registry/namespaces/shop":                                    {core("namespaces"), "", "shop", false},
		"/registry/controllers/shop/old":                               {core("replicationcontrollers"), "shop", "old", false},
		"/registry/services/specs/shop/web":                            {core("services"), "shop", "web", false},
		"/registry/services/endpoints/shop/web":                        {core("endpoints"), "shop", "web", false},
		"/registry/events/shop/web-1.17":                               {core("events"), "shop", "web-1.17", false},
		"/registry/deployments/shop/web":                               {grouped("deployments", "apps"), "shop", "web", false},
		"/registry/ingress/shop/web":                                   {grouped("ingresses", "networking.k8s.io"), "shop", "web", false},
		"/registry/networkpolicies/shop/web":                           {grouped("networkpolicies", "networking.k8s.io"), "shop", "web", false},
		"/registry/leases/kube-node-lease/n1":                          {grouped("leases", "coordination.k8s.io"), "kube-node-lease", "n1", false},
		"/registry/clusterroles/system:node":                           {grouped("clusterroles", "rbac.authorization.k8s.io"), "", "system:node", false},
		"/registry/storageclasses/fast":                                {grouped("storageclasses", "storage.k8s.io"), "", "fast", false},
		"/registry/csinodes/n1":                                        {grouped("csinodes", "storage.k8s.io"), "", "n1", false},
		"/registry/podsecuritypolicy/p":                                {grouped("podsecuritypolicies", "policy"), "", "p", false},
		"/registry/ipaddresses/10.96.0.1":                              {grouped("ipaddresses", "networking.k8s.io"), "", "10.96.0.1", false},
		"/registry/servicecidrs/kubernetes":                            {grouped("servicecidrs", "networking.k8s.io"), "", "kubernetes", false},
		"/registry/masterleases/10.0.0.1":                              {core("masterleases"), "", "10.0.0.1", false},
		"/registry/ranges/serviceips":                                  {core("ranges"), "", "serviceips", false},
		"/registry/example.com/widgets/shop/w":                         {grouped("widgets", "example.com"), "shop", "w", false},
		"/registry/example.com/gadgets/g":                              {grouped("gadgets", "example.com"), "", "g", false},
		"/registry/apiregistration.k8s.io/apiservices/v1.":             {grouped("apiservices", "apiregistration.k8s.io"), "", "v1.", false},
		"/registry/apiextensions.k8s.io/customresourcedefinitions/w.e": {grouped("customresourcedefinitions", "apiextensions.k8s.io"), "", "w.e", false},
		"/registry/pods/a/b/c":                                         {core("pods"), "a", "b/c", false},

		"compact_rev_key":         {core(""), "", "compact_rev_key", true},
		"/registry":               {core(""), "", "/registry", true},
		"/registry/":              {core("/registry"), "", "", true},
		"/registry/pods":          {core("/registry"), "", "pods", true},
		"/registry/pods/":         {core("/registry"), "", "pods/", true},
		"/registry/pods//x":       {core("/registry"), "", "pods//x", true},
		"/registry/pods/x/":       {core("/registry"), "", "pods/x/", true},
		"/registry//pods/x":       {core("/registry"), "", "/pods/x", true},
		"/registry/example.com/x": {core("/registry"), "", "example.com/x", true},
		"/calico/ipam/v2/x":       {core("/calico"), "", "ipam/v2/x", true},
		"calico/ipam":             {core("calico"), "", "ipam", true},
		"":                        {core(""), "", "", true},
		"/":                       {core(""), "", "/", true},
	} {
		if diff := cmp.Diff(want, NewLayout("/registry").Path(key)); diff != "" {
			t.Errorf("%s: -want +got\n%s", key, diff)
		}
	}
}

func TestPathBelowAnotherPrefix(t *testing.T) {
	t.Parallel()
	for _, prefix := range []string{"/kubernetes.io", "kubernetes.io/", "/a/b"} {
		l := NewLayout(prefix)
		got := l.Path("/" + strings.Trim(prefix, "/") + "/services/specs/shop/web")
		if want := (Path{core("services"), "shop", "web", false}); got != want {
			t.Errorf("%s: %+v", prefix, got)
		}
		if got := l.Path("/registry/pods/shop/web"); !got.Foreign {
			t.Errorf("%s: %+v", prefix, got)
		}
	}
}

// Whatever a key is, nothing of it is lost, and all keys of one resource are cut
// at the same place.
func FuzzPath(f *testing.F) {
	for _, key := range []string{"/registry/pods/a/b", "/registry/services/specs/a/b", "/registry/a.b/c/d", "x", "/", "//", "/registry/a/b/", "/registry/services//x"} {
		f.Add(key)
	}
	l := NewLayout(DefaultPrefix)
	f.Fuzz(func(t *testing.T, key string) {
		dir, below := l.split(key)
		if dir+string(below) != key {
			t.Fatalf("%q and %q", dir, below)
		}
		p := l.Path(key)
		if p.Foreign && p.Namespace != "" || !p.Foreign && (p.Name == "" || p.Resource.Resource == "") {
			t.Fatalf("%q: %+v", key, p)
		}
		if again, _ := l.split(dir + "x"); !p.Foreign && again != dir {
			t.Fatalf("%q: %q", key, again)
		}
	})
}
