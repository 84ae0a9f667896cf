package noderestore

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/etcd-restore/etcd-restore/pkg/staticpod"
)

const id = "20261126T120000Z-4f2a"

// Where the new data go and how etcd comes to find them, for manifests of all sorts.
// Paths are below the node's folder.
func TestPlace(t *testing.T) {
	t.Parallel()
	kubeadm := Part{OldData: "/var/lib/etcd", NewData: "/var/lib/etcd-restored-" + id}
	type edits []staticpod.Edit
	whole := edits{{Volume: "etcd-data", From: "/var/lib/etcd", To: "/var/lib/etcd-restored-" + id}}
	fast := Part{
		OldData: "/var/lib/etcd", NewData: "/var/lib/etcd-restored-" + id,
		OldWAL: "/mnt/fast/etcd-wal/wal", NewWAL: "/mnt/fast/etcd-wal-restored-" + id + "/wal",
	}
	for name, tc := range map[string]struct {
		manifest string
		mode     Mode
		want     Part
		edits    edits
	}{
		"kubeadm 1.21":      {"kubeadm-1.21.yaml", ModeManifest, kubeadm, whole},
		"kubeadm 1.37":      {"kubeadm-1.37.yaml", ModeManifest, kubeadm, whole},
		"kubeadm, CRLF":     {"kubeadm-1.35-crlf.yaml", ModeManifest, kubeadm, whole},
		"JSON":              {"kubeadm.json", ModeManifest, kubeadm, whole},
		"kubeadm, swapped":  {"kubeadm-1.37.yaml", ModeSwap, kubeadm, nil},
		"the log elsewhere": {"patched.yaml", ModeManifest, fast, nil},
		"the log elsewhere, swapped": {"patched.yaml", ModeSwap, Part{
			OldData: fast.OldData, NewData: fast.NewData, OldWAL: fast.OldWAL, NewWAL: fast.OldWAL + "-restored-" + id,
		}, nil},
		"both below one volume": {"by-hand.yaml", ModeManifest, Part{
			OldData: "/srv/etcd/data", NewData: "/srv/etcd-restored-" + id + "/data",
			OldWAL: "/srv/etcd/wal", NewWAL: "/srv/etcd-restored-" + id + "/wal",
		}, edits{{Volume: "data", From: "/srv/etcd", To: "/srv/etcd-restored-" + id}}},
		"both below one volume, swapped": {"by-hand.yaml", ModeSwap, Part{
			OldData: "/srv/etcd/data", NewData: "/srv/etcd/data-restored-" + id,
			OldWAL: "/srv/etcd/wal", NewWAL: "/srv/etcd/wal-restored-" + id,
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, tc.manifest, "")
			got, err := NewPart(t.Context(), w.facts, tc.mode, id)
			must(t, err)
			below := func(path string) string { return strings.TrimPrefix(path, w.dir) }
			placed := Part{OldData: below(got.OldData), NewData: below(got.NewData), OldWAL: below(got.OldWAL), NewWAL: below(got.NewWAL)}
			if diff := cmp.Diff(tc.want, placed); diff != "" {
				t.Error(diff)
			}
			if tc.edits != nil {
				var changed edits
				for _, e := range got.Edits {
					changed = append(changed, staticpod.Edit{Volume: e.Volume, From: below(e.From), To: below(e.To)})
				}
				if diff := cmp.Diff(tc.edits, changed); diff != "" {
					t.Error(diff)
				}
			}
			if tc.mode == ModeSwap && got.Edits != nil {
				t.Errorf("edits: %+v", got.Edits)
			}
			if got.Member != "cp1" || below(got.Folder) != "/etc/kubernetes/manifests" || below(got.Parked) != "/etc/kubernetes/etcd-restore/"+id {
				t.Errorf("got %+v", got)
			}
			var components []string
			for _, p := range got.pods() {
				components = append(components, p.Component)
				if in, err := os.Stat(filepath.Join(got.Folder, p.File)); err != nil || !in.Mode().IsRegular() || p.Namespace != "kube-system" || p.Name != p.Component {
					t.Errorf("pod %+v: %v", p, err)
				}
			}
			if diff := cmp.Diff([]string{"kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd"}, components); diff != "" {
				t.Error(diff)
			}
			if clients := got.clients(); len(clients) != 3 || clients[0].Component != "kube-apiserver" {
				t.Errorf("clients %+v", clients)
			}
		})
	}
}

// A data directory that is a mount point keeps the new one inside, and cannot be
// exchanged.
func TestPlaceInMountPoint(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "kubeadm-1.37.yaml", "", "path: /var/lib/etcd\n", "path: /dev/shm\n")
	p, err := NewPart(t.Context(), w.facts, ModeManifest, id)
	must(t, err)
	if p.OldData != "/dev/shm" || p.NewData != "/dev/shm/restored-"+id || p.Edits[0].To != p.NewData {
		t.Errorf("got %+v", p)
	}
	if _, err := NewPart(t.Context(), w.facts, ModeSwap, id); !errors.Is(err, ErrSwap) || !errors.As(err, new(interface{ Hint() string })) {
		t.Errorf("got %v", err)
	}
}

// What a larger volume holds besides stays where it is only if the names are exchanged.
func TestPlaceShared(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "kubeadm-1.37.yaml", "", "- mountPath: /etc/kubernetes/pki/etcd\n      name: etcd-certs\n", "- mountPath: /etc/kubernetes/pki/etcd\n      name: etcd-data\n")
	if _, err := NewPart(t.Context(), w.facts, ModeManifest, id); !errors.Is(err, staticpod.ErrShared) {
		t.Errorf("got %v", err)
	} else if hint := new(interface{ Hint() string }); !errors.As(err, hint) || !strings.Contains((*hint).Hint(), "swap") {
		t.Errorf("no hint of a swap: %v", err)
	}
	if _, err := NewPart(t.Context(), w.facts, ModeSwap, id); err != nil {
		t.Error(err)
	}
}

// Where a component has no manifest nothing can be planned.
func TestNewPartRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "kubeadm-1.37.yaml", "")
	must(t, os.Remove(filepath.Join(w.facts.Manifests.Path, "kube-scheduler.yaml")))
	folder, err := staticpod.Read(w.facts.Manifests.Path)
	must(t, err)
	w.facts.Manifests.Folder = folder
	if _, err := NewPart(t.Context(), w.facts, ModeManifest, id); err == nil || !strings.Contains(err.Error(), "kube-scheduler") {
		t.Errorf("got %v", err)
	}
}
