package probe

import (
	"context"
	"fmt"
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	listers "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

// Informer holds the ConfigMaps of a namespace, as a controller would.
type Informer struct {
	client    kubernetes.Interface
	namespace string
	lister    listers.ConfigMapLister
	stop      context.CancelFunc
	factory   informers.SharedInformerFactory
}

// Inform starts an informer and waits until it has a first list.
func Inform(ctx context.Context, config *rest.Config, namespace string) (*Informer, error) {
	config = rest.CopyConfig(config)
	config.Timeout = 0 // it would end watches
	c, err := client(config)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	factory := informers.NewSharedInformerFactoryWithOptions(c, 0, informers.WithNamespace(namespace))
	maps := factory.Core().V1().ConfigMaps()
	i := &Informer{client: c, namespace: namespace, lister: maps.Lister(), stop: stop, factory: factory}
	factory.StartWithContext(ctx)
	synced, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if !cache.WaitForCacheSync(synced.Done(), maps.Informer().HasSynced) {
		i.Close()
		return nil, fmt.Errorf("informer of %s: no first list", namespace)
	}
	return i, nil
}

// Close ends it.
func (i *Informer) Close() {
	i.stop()
	i.factory.Shutdown()
}

// Check returns nil if the informer and the API server hold the same objects, and
// these are those that are wanted: name and value. Nothing but what the informer does
// by itself brings it there.
func (i *Informer) Check(ctx context.Context, want map[string]string) error {
	list, err := i.client.CoreV1().ConfigMaps(i.namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("ConfigMaps of %s: %w", i.namespace, err)
	}
	seen, err := i.lister.ConfigMaps(i.namespace).List(labels.Everything())
	if err != nil {
		return err
	}
	served := map[string]string{}
	versions := map[string]string{}
	for _, m := range list.Items {
		if ours(&m) {
			served[m.Name], versions[m.Name] = m.Data[key], m.ResourceVersion
		}
	}
	if !maps.Equal(served, want) {
		return fmt.Errorf("the API server has %v, want %v", served, want)
	}
	held := map[string]string{}
	for _, m := range seen {
		if ours(m) {
			held[m.Name] = m.ResourceVersion
		}
	}
	if !maps.Equal(held, versions) {
		return fmt.Errorf("the informer has the resource versions %v, the API server %v", held, versions)
	}
	return nil
}

// ours leaves out what the cluster puts into every namespace.
func ours(m *corev1.ConfigMap) bool { return m.Name != "kube-root-ca.crt" }
