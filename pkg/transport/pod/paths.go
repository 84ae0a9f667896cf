package pod

import (
	"fmt"
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
	"github.com/etcd-restore/etcd-restore/pkg/transport"
)

// Path is a folder or a file of the node that a helper pod sees under the same name.
type Path struct {
	Name     string
	ReadOnly bool
	Type     corev1.HostPathType
}

// paths are what the verbs of a node read and write:
//
//   - the folder above that of the manifests, which are renamed out of it and in;
//   - the folder above each directory of etcd: the new one is made beside the old one, and
//     exchanged with it. A rename leads only from one folder to another of the same mount,
//     so that of two paths the outer one has to do for both;
//   - the runs, and the kubelet's configuration and folders of pods;
//   - the socket of the container runtime, in its folder: it is made anew when that is
//     started again;
//   - what else the API server reads: the configuration of its encryption.
func paths(pods []*corev1.Pod, k kubelet) ([]Path, error) {
	all := []Path{
		{Name: "/etc/kubernetes", Type: corev1.HostPathDirectory},
		{Name: "/var/lib/kubelet", Type: corev1.HostPathDirectory},
		{Name: transport.Dir, Type: corev1.HostPathDirectoryOrCreate},
	}
	if k.StaticPodPath != "" {
		all = append(all, Path{Name: path.Dir(path.Clean(k.StaticPodPath)), Type: corev1.HostPathDirectory})
	}
	for _, p := range pods {
		for _, v := range hostPaths(p) {
			switch {
			case inside(v.Name, "/etc/kubernetes"):
			case isComponent(p, "etcd"):
				all = append(all, Path{Name: path.Dir(v.Name), Type: corev1.HostPathDirectory})
			case isComponent(p, "kube-apiserver") && !isAuthorities(v.Name):
				all = append(all, Path{Name: v.Name, ReadOnly: true, Type: v.Type})
			}
		}
	}
	if socket, ok := strings.CutPrefix(k.RuntimeEndpoint, "unix://"); ok || strings.HasPrefix(socket, "/") {
		all = append(all, sockets(socket)...)
	}
	all = outermost(all)
	for _, p := range all {
		if p.Name == "/" {
			return nil, hint.New(fmt.Errorf("%w: the whole file system of the node would have to be given to it, since etcd has a directory right below /", ErrNotStarted), "go to the nodes by ssh: --ssh root@HOST")
		}
	}
	return all, nil
}

func hostPaths(p *corev1.Pod) (found []Path) {
	for _, v := range p.Spec.Volumes {
		if v.HostPath == nil {
			continue
		}
		host := Path{Name: path.Clean(v.HostPath.Path)}
		if v.HostPath.Type != nil {
			host.Type = *v.HostPath.Type
		}
		found = append(found, host)
	}
	return found
}

// isAuthorities reports whether a folder is one of those that kubeadm gives to every API
// server for the certificates of the world.
func isAuthorities(dir string) bool {
	for _, known := range []string{"/etc/ssl", "/etc/pki", "/etc/ca-certificates", "/usr/share/ca-certificates", "/usr/local/share/ca-certificates"} {
		if inside(dir, known) {
			return true
		}
	}
	return false
}

// sockets is the folder of a socket under both of its names: /var/run is a link on the
// node, and may be none in the image.
func sockets(socket string) []Path {
	dir := path.Dir(path.Clean(socket))
	if rest, ok := strings.CutPrefix(dir, "/var/run/"); ok {
		dir = "/run/" + rest
	}
	all := []Path{{Name: dir, Type: corev1.HostPathDirectory}}
	if inside(dir, "/run") {
		all = append(all, Path{Name: "/var" + dir, Type: corev1.HostPathDirectory})
	}
	return all
}

// outermost leaves out what lies in another.
func outermost(all []Path) []Path {
	slices.SortFunc(all, func(a, b Path) int {
		if a.Name == b.Name && a.ReadOnly != b.ReadOnly {
			if a.ReadOnly {
				return 1
			}
			return -1
		}
		return strings.Compare(a.Name, b.Name)
	})
	var kept []Path
	for _, p := range all {
		covered := slices.ContainsFunc(kept, func(outer Path) bool {
			return inside(p.Name, outer.Name) && (!outer.ReadOnly || p.ReadOnly)
		})
		if !covered {
			kept = append(kept, p)
		}
	}
	return kept
}

// inside reports whether a path is dir or lies below it.
func inside(name, dir string) bool {
	return name == dir || dir == "/" || strings.HasPrefix(name, dir+"/")
}
