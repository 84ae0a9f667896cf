package preflight_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/etcd-restore/etcd-restore/pkg/cri"
	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
	"github.com/etcd-restore/etcd-restore/pkg/journal"
	"github.com/etcd-restore/etcd-restore/pkg/kubelet"
	"github.com/etcd-restore/etcd-restore/pkg/node"
)

func TestIsPrivilegedUser(t *testing.T) {
	t.Parallel()
	try(t, "IsPrivilegedUser", map[string]wrong{
		"somebody": {change: fact(func(f *node.Facts) { f.Root = false }), want: fails("belong to root")},
	})
}

// Runs of every kind, made by package journal in the folder of the node.
func TestNoRunInProgress(t *testing.T) {
	t.Parallel()
	in := func(leave func(*testing.T, *journal.Folder, *journal.Run)) func(*testing.T, *world) {
		return func(t *testing.T, w *world) {
			w.mkdir(t, filepath.Dir(node.DefaultRuns))
			folder, err := journal.Open(w.node.Path(node.DefaultRuns), journal.Options{})
			must(t, err)
			run, err := folder.Create([]byte("{}"))
			must(t, err)
			must(t, run.Intent("stage"))
			leave(t, folder, run)
		}
	}
	try(t, "NoRunInProgress", map[string]wrong{
		"one that ended": {change: in(func(t *testing.T, f *journal.Folder, r *journal.Run) {
			must(t, r.Done("stage"))
			must(t, r.Finish(journal.Complete))
			r.Close()
			f.Close()
		})},
		"one that did not": {
			change: in(func(_ *testing.T, f *journal.Folder, r *journal.Run) { r.Close(); f.Close() }),
			want:   fails("a run is not finished"),
		},
		"one that goes back": {
			change: in(func(t *testing.T, f *journal.Folder, r *journal.Run) {
				must(t, r.Undoing("stage"))
				r.Close()
				f.Close()
			}),
			want: fails("a run is not finished"),
		},
		"one at work": {
			change: in(func(t *testing.T, f *journal.Folder, r *journal.Run) {
				must(t, r.Done("stage"))
				must(t, r.Finish(journal.Complete))
				r.Close()
				t.Cleanup(f.Close)
			}),
			want: fails("another process is at work"),
		},
		"ourselves": {change: func(t *testing.T, w *world) {
			w.mkdir(t, filepath.Dir(node.DefaultRuns))
			folder, err := journal.Open(w.node.Path(node.DefaultRuns), journal.Options{})
			must(t, err)
			t.Cleanup(folder.Close)
			w.request.HoldsLock = true
		}},
		"a damaged one": {
			change: func(t *testing.T, w *world) {
				in(func(_ *testing.T, f *journal.Folder, r *journal.Run) {
					must(t, os.WriteFile(filepath.Join(r.Dir(), "plan.json"), []byte("other"), 0o600))
					r.Close()
					f.Close()
				})(t, w)
			},
			want: fails("run is damaged"),
		},
		"a folder that is none": {
			change: func(t *testing.T, w *world) { w.write(t, node.DefaultRuns, "x") },
			want:   fails("not a directory"),
		},
	})
}

func TestKubelet(t *testing.T) {
	t.Parallel()
	try(t, "Kubelet", map[string]wrong{
		"stopped": {
			change: fact(func(f *node.Facts) { f.Kubelet.Err = hint.New(kubelet.ErrNotRunning, "systemctl start kubelet") }),
			want:   fails("not running"),
		},
		"ill": {
			change: fact(func(f *node.Facts) { f.Kubelet.State.Healthy = hint.New(kubelet.ErrUnhealthy, "journalctl -u kubelet") }),
			want:   fails("not healthy"),
		},
		"looks at no folder": {
			change: func(t *testing.T, w *world) {
				w.write(t, "/var/lib/kubelet/config.yaml", "kind: KubeletConfiguration\n")
			},
			want: fails("runs no static pods"),
		},
		"no configuration": {
			change: func(t *testing.T, w *world) { must(t, os.Remove(w.node.Path("/var/lib/kubelet/config.yaml"))) },
			want:   fails("configuration of the kubelet"),
		},
		"looks elsewhere": {
			change: fact(func(f *node.Facts) { f.Kubelet.Config.StaticPodPath = "/etc/elsewhere" }),
			want:   fails("the kubelet watches"),
		},
		"the same by a link": {change: func(t *testing.T, w *world) {
			must(t, os.Symlink("kubernetes", w.node.Path("/etc/k8s")))
			w.facts = func(f *node.Facts) { f.Kubelet.Config.StaticPodPath = "/etc/k8s/manifests/" }
		}},
	})
}

func TestContainerRuntime(t *testing.T) {
	t.Parallel()
	try(t, "ContainerRuntime", map[string]wrong{
		"silent": {
			change: fact(func(f *node.Facts) {
				f.Runtime.Err = hint.New(errors.Join(cri.ErrUnreachable), "systemctl status containerd")
			}),
			want: fails("no answer"),
		},
	})
}
