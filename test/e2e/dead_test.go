//go:build e2e

package e2e

import (
	"testing"

	"github.com/etcd-restore/etcd-restore/test/e2e/lab"
)

// etcd and the API server have been in their crash loops for minutes, and somebody has
// restarted the kubelet: it then neither stops pods whose manifests are gone nor
// starts edited ones.
func TestCrashLoop(t *testing.T) {
	s := setUp(t, lab.Options{})
	s.save(t)
	s.node.LoseData(t, 4) // 10 + 20 + 40 s of back-off
	s.node.RestartKubelet(t)
	requireCode(t, done, s.run(t, restore()...))
	s.requireRestored(t)
}

// With the kubelet stopped nothing is touched.
func TestKubeletStopped(t *testing.T) {
	s := setUp(t, lab.Options{})
	s.save(t)
	s.node.Kubelet(t, "stop")
	requireCode(t, refused, s.run(t, restore()...))
	s.requireManifests(t)
	s.node.Kubelet(t, "start")
	s.requireOld(t)
	requireCode(t, done, s.run(t, restore()...))
	s.requireRestored(t)
}
