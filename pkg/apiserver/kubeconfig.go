package apiserver

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

// ServerOf is the URL that a kubeconfig names.
func ServerOf(kubeconfig string) (string, error) {
	cfg, err := load(kubeconfig, "")
	if err != nil {
		return "", err
	}
	return cfg.Host, nil
}

// load reads a kubeconfig and every file that it names.
func load(kubeconfig, server string) (*rest.Config, error) {
	file, err := clientcmd.LoadFromFile(kubeconfig)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		return nil, hint.New(fmt.Errorf("%w: %w", ErrCredentials, err), "give the kubeconfig of an administrator, as a user who may read it")
	case err != nil:
		// A parser may quote what it stumbled over, and that may be a key.
		return nil, unusable(kubeconfig, "it is no kubeconfig")
	}
	if err := clientcmd.ResolveLocalPaths(file); err != nil {
		return nil, unusable(kubeconfig, err.Error())
	}
	overrides := &clientcmd.ConfigOverrides{}
	if server != "" {
		if err := checkURL(server); err != nil {
			return nil, err
		}
		overrides.ClusterInfo = clientcmdapi.Cluster{Server: server}
	}
	// Without a file of rules it never takes the configuration of a pod instead.
	cfg, err := clientcmd.NewNonInteractiveClientConfig(*file, "", overrides, nil).ClientConfig()
	if err != nil {
		return nil, unusable(kubeconfig, err.Error())
	}
	if err := checkURL(cfg.Host); err != nil {
		return nil, fmt.Errorf("%s: %w", kubeconfig, err)
	}
	if err := rest.LoadTLSFiles(cfg); err != nil {
		return nil, unusable(kubeconfig, err.Error())
	}
	return cfg, nil
}

func checkURL(server string) error {
	u, err := url.Parse(server)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
		return hint.New(fmt.Errorf("%w: %q is not a URL like https://10.0.0.11:6443", ErrAddress, server), "give the URL of the node's own API server")
	}
	return nil
}
