package probe

import (
	"context"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// Config reads a kubeconfig for the API server at an address, past the balancer.
func Config(kubeconfig, address string) (*rest.Config, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("read the administrator's kubeconfig: %w", err)
	}
	config.Host = "https://" + address + ":6443"
	config.Timeout = 10 * time.Second
	config.QPS = -1
	return config, nil
}

func client(config *rest.Config) (*kubernetes.Clientset, error) {
	c, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("client of %s: %w", config.Host, err)
	}
	return c, nil
}

// NoPods returns nil if the API server has no pod, in any namespace, whose name holds
// that word.
func NoPods(ctx context.Context, config *rest.Config, word string) error {
	c, err := client(config)
	if err != nil {
		return err
	}
	pods, err := c.CoreV1().Pods("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("pods: %w", err)
	}
	for _, p := range pods.Items {
		if strings.Contains(p.Name, word) {
			return fmt.Errorf("there is the pod %s/%s, %s", p.Namespace, p.Name, p.Status.Phase)
		}
	}
	return nil
}
