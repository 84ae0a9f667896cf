package preflight

import (
	"context"
	"fmt"
	"os"

	"github.com/etcd-restore/etcd-restore/pkg/apiserver"
	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

// kubelet wants a kubelet that works, and watches the folder that we read: it is
// what stops and starts everything.
func (s *subject) kubelet(context.Context) []Finding {
	k := s.Facts.Kubelet
	switch {
	case k.Err != nil:
		return bad(or(k.Err, "start it: systemctl start kubelet"))
	case k.State.Healthy != nil:
		return bad(or(k.State.Healthy, "look at its log: journalctl -u kubelet -n 50"))
	case k.ConfigErr != nil:
		return bad(or(k.ConfigErr, "kubeadm writes it: kubeadm init phase kubelet-start, or kubeadm upgrade node phase kubelet-config"))
	case k.Config.StaticPodPath == "":
		return bad(hint.New(fmt.Errorf("%w: the kubelet runs no static pods", ErrNode), "set staticPodPath in /var/lib/kubelet/config.yaml and restart the kubelet"))
	}
	watched := s.Node.Path(k.Config.StaticPodPath)
	if !same(watched, s.Facts.Manifests.Path) {
		return bad(hint.New(fmt.Errorf("%w: the kubelet watches %s, and the manifests are in %s", ErrNode, watched, s.Facts.Manifests.Path),
			"set staticPodPath in /var/lib/kubelet/config.yaml and restart the kubelet"))
	}
	return nil
}

// same reports whether two paths lead to one directory.
func same(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return a == b
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}

// containerRuntime wants the runtime to answer: what the kubelet does not stop is
// stopped through it, and that all has stopped is proved by it.
func (s *subject) containerRuntime(context.Context) []Finding {
	if s.Facts.Runtime.Err == nil {
		return nil
	}
	return bad(or(s.Facts.Runtime.Err, "look at it: systemctl status containerd crio; crictl --runtime-endpoint %s ps", hint.Path(s.Facts.Runtime.Endpoint)))
}

// adminKubeconfig wants credentials for the API server: behind the commit point a
// restore that has none can neither end nor go back.
func (s *subject) adminKubeconfig(context.Context) []Finding {
	kubeconfigs := s.Kubeconfigs
	if len(kubeconfigs) == 0 {
		kubeconfigs = s.Node.AdminConfigs()
	}
	var first error
	for _, kubeconfig := range kubeconfigs {
		client, err := apiserver.Dial(kubeconfig, apiserver.Options{})
		if err == nil {
			client.Close()
			return nil
		}
		if first == nil { // the others are there in case it may not
			first = err
		}
	}
	return bad(or(first, "make one: kubeadm init phase kubeconfig admin"))
}

// images wants what is to start again on the node: a registry may be out of reach, or
// run in the very cluster that is down.
func (s *subject) images(context.Context) (found []Finding) {
	for _, image := range s.Facts.Runtime.Missing {
		found = append(found, bad(hint.New(fmt.Errorf("%w: the image %s of a static pod is not here", ErrNode, image),
			"fetch it while you can: crictl pull %s", hint.Path(image)))...)
	}
	return found
}
