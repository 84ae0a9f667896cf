package apiserver

import (
	"context"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
	"github.com/etcd-restore/etcd-restore/pkg/kubeadm"
)

// conflicts is how often SetDataDir begins again because somebody else was faster.
const conflicts = 10

// DataDir is etcd's data directory as kubeadm has noted it in the cluster.
func (c *Client) DataDir(ctx context.Context) (string, error) {
	_, config, err := c.kubeadmConfig(ctx)
	if err != nil {
		return "", err
	}
	dir, err := kubeadm.DataDir([]byte(config))
	return dir, c.about(err)
}

// SetDataDir lets kubeadm note another data directory of etcd: an upgrade makes
// etcd's manifest from that, and would go back to the old data. Nothing else of the
// configuration changes, not a byte of its text.
func (c *Client) SetDataDir(ctx context.Context, dir string) (changed bool, err error) {
	for range conflicts {
		changed, err = c.setDataDir(ctx, dir)
		if !apierrors.IsConflict(err) {
			return changed, err
		}
	}
	return false, fmt.Errorf("%w: %w", ErrConflict, err)
}

func (c *Client) setDataDir(ctx context.Context, dir string) (bool, error) {
	object, config, err := c.kubeadmConfig(ctx)
	if err != nil {
		return false, err
	}
	edited, err := kubeadm.SetDataDir([]byte(config), dir)
	if err != nil {
		return false, c.about(err)
	}
	if string(edited) == config {
		return false, nil
	}
	// Not an update: that would drop fields that only a newer API server knows.
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"resourceVersion": object.ResourceVersion, "uid": object.UID},
		"data":     map[string]any{kubeadm.ConfigKey: string(edited)},
	})
	if err != nil {
		return false, c.about(err)
	}
	request, cancel := c.short(ctx)
	defer cancel()
	_, err = c.kube.CoreV1().ConfigMaps(object.Namespace).Patch(request, object.Name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: "etcd-restore"})
	if err != nil {
		return false, c.explain(ctx, "change etcd's directory in kubeadm's configuration", err)
	}
	return true, nil
}

func (c *Client) kubeadmConfig(ctx context.Context) (*corev1.ConfigMap, string, error) {
	request, cancel := c.short(ctx)
	defer cancel()
	object, err := c.kube.CoreV1().ConfigMaps(kubeadm.ConfigNamespace).Get(request, kubeadm.ConfigMap, metav1.GetOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return nil, "", c.explain(ctx, "kubeadm's configuration", err)
	}
	if err == nil {
		if config, ok := object.Data[kubeadm.ConfigKey]; ok {
			return object, config, nil
		}
		err = fmt.Errorf("it has no key %s", kubeadm.ConfigKey)
	}
	return nil, "", hint.New(fmt.Errorf("%w: %s: configmap %s/%s: %w", ErrNoConfig, c.server, kubeadm.ConfigNamespace, kubeadm.ConfigMap, err),
		"if kubeadm made this cluster: kubeadm init phase upload-config kubeadm --config FILE, with etcd's data directory in it")
}

// about says whose configuration an error is about.
func (c *Client) about(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: configmap %s/%s: %w", c.server, kubeadm.ConfigNamespace, kubeadm.ConfigMap, err)
}
