package kubeobject

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// DefaultPrefix is --etcd-prefix of an API server that was not given any.
const DefaultPrefix = "/registry"

// Path is what a key says of the object below it.
type Path struct {
	Resource  schema.GroupResource
	Namespace string // empty if the resource has none
	Name      string
	Foreign   bool // outside of the prefix, or of no form that an API server writes
}

// Unserved reports whether a resource is what API servers keep in etcd for themselves, and
// serve to nobody.
func Unserved(r schema.GroupResource) bool {
	return r.Group == "" && slices.Contains([]string{"masterleases", "peerserverleases", "ranges"}, r.Resource)
}

// Layout is how the API servers of one cluster name their keys.
type Layout struct {
	prefix string            // with a slash at its end
	groups map[string]string // of built-in resources, by their name in a key
}

// NewLayout is the layout below prefix, an API server's --etcd-prefix.
func NewLayout(prefix string) *Layout {
	return &Layout{prefix: "/" + strings.Trim(prefix, "/") + "/", groups: builtinGroups()}
}

// Prefix is what the layout was made with.
func (l *Layout) Prefix() string { return strings.TrimSuffix(l.prefix, "/") }

// Path reads a key.
func (l *Layout) Path(key string) Path {
	dir, below := l.split(key)
	resource, foreign := l.resource(dir)
	return below.path(resource, foreign)
}

// rest is a key without what names its resource.
type rest string

// path is that of a key whose resource is known.
func (r rest) path(resource schema.GroupResource, foreign bool) Path {
	p := Path{Resource: resource, Name: string(r), Foreign: foreign}
	if !foreign {
		if namespace, name, found := strings.Cut(string(r), "/"); found {
			p.Namespace, p.Name = namespace, name
		}
	}
	return p
}

// split cuts a key where the name of its resource ends. All keys of a resource
// have the same dir, slash included; that of a foreign key is its first element.
func (l *Layout) split(key string) (dir string, below rest) {
	below = rest(key)
	if at := l.dirLen(key); at > 0 {
		return key[:at], below[at:]
	}
	if slash := strings.IndexByte(strings.TrimPrefix(key, "/"), '/'); slash >= 0 {
		slash += len(key) - len(strings.TrimPrefix(key, "/"))
		return key[:slash+1], below[slash+1:]
	}
	return "", below
}

// dirLen is the length of a key's dir, 0 if the key is foreign.
func (l *Layout) dirLen(key string) int {
	if !strings.HasPrefix(key, l.prefix) {
		return 0
	}
	at := len(l.prefix)
	first := strings.IndexByte(key[at:], '/')
	if first <= 0 {
		return 0
	}
	name := key[at : at+first]
	at += first + 1
	if name == "services" || strings.Contains(name, ".") {
		second := strings.IndexByte(key[at:], '/')
		if second <= 0 {
			return 0
		}
		at += second + 1
	}
	if !named(key[at:]) {
		return 0
	}
	return at
}

// named reports whether s is NAME or NAMESPACE/NAME.
func named(s string) bool {
	namespace, name, found := strings.Cut(s, "/")
	return namespace != "" && (!found || name != "" && !strings.HasSuffix(name, "/"))
}

// resource is that of all keys with a dir.
func (l *Layout) resource(dir string) (_ schema.GroupResource, foreign bool) {
	if l.dirLen(dir+"x") != len(dir) || dir == "" {
		return schema.GroupResource{Resource: strings.TrimSuffix(dir, "/")}, true
	}
	name := strings.TrimSuffix(strings.TrimPrefix(dir, l.prefix), "/")
	if builtin, ok := specialDirs()[name]; ok {
		return builtin, false
	}
	if group, resource, found := strings.Cut(name, "/"); found {
		return schema.GroupResource{Group: group, Resource: resource}, false
	}
	return schema.GroupResource{Group: l.groups[name], Resource: name}, false
}

// specialDirs are the resources that are not stored under their names
// (k8s.io/kubernetes/pkg/kubeapiserver, SpecialDefaultResourcePrefixes).
func specialDirs() map[string]schema.GroupResource {
	return map[string]schema.GroupResource{
		"controllers":        {Resource: "replicationcontrollers"},
		"minions":            {Resource: "nodes"},
		"services/endpoints": {Resource: "endpoints"},
		"services/specs":     {Resource: "services"},
		"ingress":            {Group: "networking.k8s.io", Resource: "ingresses"},
		"podsecuritypolicy":  {Group: "policy", Resource: "podsecuritypolicies"},
	}
}
