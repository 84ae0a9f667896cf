package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/etcd-restore/etcd-restore/pkg/kubeadm"
)

// phase is how long kubeadm may take for one.
const phase = 2 * time.Minute

// manifests are the static pods that kubeadm makes.
func manifests() []string {
	return []string{"etcd.yaml", "kube-apiserver.yaml", "kube-controller-manager.yaml", "kube-scheduler.yaml"}
}

const (
	folder     = "manifests"           // of the manifests, as below /etc/kubernetes
	configFile = "kubeadm-config.yaml" // what kubeadm keeps in the ConfigMap of that name
)

// writeShape writes what kubeadm makes of a configuration: its manifests, what it keeps
// of it in the cluster, and in joined etcd's manifest for a member that joins two others. In moved
// is what it makes of the same with another data directory, put in by this project.
func (r *release) writeShape(ctx context.Context, temp, out string, config []byte) error {
	config = bytes.ReplaceAll(config, []byte("@KUBERNETES@"), []byte(r.version))
	kept, err := r.dryRun(ctx, temp, out, config, manifests())
	if err != nil {
		return err
	}
	if err := r.writeJoined(ctx, temp, filepath.Join(out, "joined", folder), config); err != nil {
		return err
	}
	dir, err := kubeadm.DataDir(kept)
	if err != nil {
		return err
	}
	edited, err := kubeadm.SetDataDir(kept, dir+"-restored-x")
	if err != nil {
		return err
	}
	file := filepath.Join(temp, "edited.yaml")
	if err := os.WriteFile(file, edited, 0o600); err != nil {
		return err
	}
	if _, err := r.run(ctx, temp, "config", "validate", "--config", file); err != nil {
		return err
	}
	ofNode, _, _ := bytes.Cut(config, []byte("---\n"))
	config = slices.Concat(ofNode, []byte("---\n"), edited)
	_, err = r.dryRun(ctx, temp, filepath.Join(out, "moved"), config, []string{"etcd.yaml"})
	return err
}

// dryRun lets kubeadm make the manifests that are named of a configuration, and returns
// what it would keep of this in the cluster.
func (r *release) dryRun(ctx context.Context, temp, out string, config []byte, names []string) ([]byte, error) {
	file := filepath.Join(temp, "config.yaml")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		return nil, err
	}
	var said []byte
	// It needs a kubeconfig to say what it would put into the cluster.
	for _, p := range []string{"certs ca", "kubeconfig admin", "control-plane all", "etcd local", "upload-config kubeadm"} {
		args := append([]string{"init", "phase"}, strings.Fields(p)...)
		var err error
		if said, err = r.run(ctx, temp, append(args, "--dry-run", "--config", file)...); err != nil {
			return nil, err
		}
	}
	kept, err := clusterConfiguration(said)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(out, folder), 0o755); err != nil {
		return nil, err
	}
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(temp, name))
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(out, folder, name), text, 0o644); err != nil {
			return nil, err
		}
	}
	return kept, os.WriteFile(filepath.Join(out, configFile), kept, 0o644)
}

// run runs kubeadm, which writes into temp what it would write into /etc/kubernetes.
func (r *release) run(ctx context.Context, temp string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, phase)
	defer cancel()
	return run(ctx, temp, []string{"KUBEADM_INIT_DRYRUN_DIR=" + temp}, r.kubeadm, args...)
}

// clusterConfiguration finds it in what kubeadm says of the objects that it would make.
func clusterConfiguration(said []byte) ([]byte, error) {
	for part := range bytes.SplitSeq(said, []byte("\n[dryrun] ")) {
		_, object, found := bytes.Cut(part, []byte("Attached object:\n"))
		var config struct {
			Metadata struct{ Name string }
			Data     map[string]string
		}
		if !found || yaml.Unmarshal(object, &config) != nil || config.Metadata.Name != kubeadm.ConfigMap {
			continue
		}
		return []byte(config.Data[kubeadm.ConfigKey]), nil
	}
	return nil, fmt.Errorf("kubeadm would make no %s:\n%s", kubeadm.ConfigMap, said)
}

func (r *release) writeJoined(ctx context.Context, temp, out string, config []byte) error {
	file := filepath.Join(temp, "config.yaml")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, phase)
	defer cancel()
	_, err := run(ctx, temp, nil, r.joined, file, out)
	return err
}
