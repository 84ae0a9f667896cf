package staticpod

import (
	"bytes"
	"fmt"

	"github.com/etcd-restore/etcd-restore/pkg/internal/yamledit"
)

// Manifest is the text of a pod and what it says.
type Manifest struct {
	Pod  Pod
	text []byte
	doc  *yamledit.Document
}

// Pod is what matters here of a pod.
type Pod struct {
	Name           string
	Namespace      string
	Labels         map[string]string
	Annotations    map[string]string
	InitContainers []Container
	Containers     []Container
	Volumes        []Volume
}

// Container is one container of a pod.
type Container struct {
	Name       string
	Image      string
	Command    []string
	Args       []string
	WorkingDir string
	Env        []EnvVar
	EnvFrom    bool // more variables come from where the manifest does not tell
	Mounts     []Mount
}

// EnvVar is a variable in the environment of a container.
type EnvVar struct {
	Name    string
	Value   string
	Derived bool // only the kubelet knows the value
}

// Mount is where a container sees a volume.
type Mount struct {
	Volume      string
	Path        string
	SubPath     string // what it sees of the volume; "" is all
	SubPathExpr string // the same, with variables
}

// Volume is something that containers mount.
type Volume struct {
	Name     string
	HostPath string // directory of the node; "" for other kinds of volumes
	Type     string // of the hostPath
}

// Parse reads a manifest, YAML or JSON.
func Parse(text []byte) (*Manifest, error) {
	doc, err := yamledit.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrManifest, err)
	}
	r := reader{}
	pod := r.pod(doc.Root())
	if r.err != nil {
		return nil, fmt.Errorf("%w: %w", ErrManifest, r.err)
	}
	return &Manifest{Pod: pod, text: bytes.Clone(text), doc: doc}, nil
}

// Bytes is the text.
func (m *Manifest) Bytes() []byte { return bytes.Clone(m.text) }

// reader turns values into Go's and keeps the first error.
type reader struct{ err error }

func (r *reader) fail(v yamledit.Value, format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("line %d: %s", v.Line(), fmt.Sprintf(format, args...))
	}
}

func (r *reader) pod(root yamledit.Value) Pod {
	if version, kind := r.text(root.Get("apiVersion")), r.text(root.Get("kind")); version != "v1" || kind != "Pod" {
		r.fail(root, "it is %q of %q, not a Pod of v1", kind, version)
	}
	meta, spec := root.Get("metadata"), root.Get("spec")
	p := Pod{
		Name:           r.text(meta.Get("name")),
		Namespace:      r.text(meta.Get("namespace")),
		Labels:         r.strings(meta.Get("labels")),
		Annotations:    r.strings(meta.Get("annotations")),
		InitContainers: list(r, spec.Get("initContainers"), r.container),
		Containers:     list(r, spec.Get("containers"), r.container),
		Volumes:        list(r, spec.Get("volumes"), r.volume),
	}
	if p.Name == "" {
		r.fail(root, "the pod has no name")
	}
	if p.Namespace == "" {
		p.Namespace = "default"
	}
	names := map[string]bool{}
	for _, v := range p.Volumes {
		if names[v.Name] {
			r.fail(spec.Get("volumes"), "two volumes have the name %q", v.Name)
		}
		names[v.Name] = true
	}
	return p
}

func (r *reader) container(v yamledit.Value) Container {
	return Container{
		Name:       r.text(v.Get("name")),
		Image:      r.text(v.Get("image")),
		Command:    list(r, v.Get("command"), r.text),
		Args:       list(r, v.Get("args"), r.text),
		WorkingDir: r.text(v.Get("workingDir")),
		Env:        list(r, v.Get("env"), r.env),
		EnvFrom:    len(v.Get("envFrom").Items()) > 0,
		Mounts:     list(r, v.Get("volumeMounts"), r.mount),
	}
}

func (r *reader) env(v yamledit.Value) EnvVar {
	return EnvVar{Name: r.text(v.Get("name")), Value: r.text(v.Get("value")), Derived: !v.Get("valueFrom").IsNull()}
}

func (r *reader) mount(v yamledit.Value) Mount {
	return Mount{
		Volume:      r.text(v.Get("name")),
		Path:        r.text(v.Get("mountPath")),
		SubPath:     r.text(v.Get("subPath")),
		SubPathExpr: r.text(v.Get("subPathExpr")),
	}
}

func (r *reader) volume(v yamledit.Value) Volume {
	host := v.Get("hostPath")
	return Volume{Name: r.text(v.Get("name")), HostPath: r.text(host.Get("path")), Type: r.text(host.Get("type"))}
}

// text is a string, "" where there is none.
func (r *reader) text(v yamledit.Value) string {
	s, ok := v.Text()
	if !ok && !v.IsNull() {
		r.fail(v, "it is no string to Kubernetes: put it into quotes")
	}
	if !ok {
		return ""
	}
	return s
}

func (r *reader) strings(v yamledit.Value) map[string]string {
	if !v.IsNull() && !v.IsMapping() {
		r.fail(v, "it is no mapping")
	}
	m := map[string]string{}
	for _, key := range v.Keys() {
		m[key] = r.text(v.Get(key))
	}
	return m
}

func list[T any](r *reader, v yamledit.Value, item func(yamledit.Value) T) []T {
	if !v.IsNull() && !v.IsSequence() {
		r.fail(v, "it is no list")
	}
	var items []T
	for _, i := range v.Items() {
		items = append(items, item(i))
	}
	return items
}
