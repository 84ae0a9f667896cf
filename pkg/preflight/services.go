package preflight

import (
	"context"
	"fmt"
	"os"

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
