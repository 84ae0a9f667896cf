package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// History is what clients of the API servers of a control plane were told, from Record
// to Close: each API server has one that writes all the time, and one that reads what it
// has in memory. What is not acknowledged is not in it.
type History struct {
	servers   map[string]*kubernetes.Clientset
	namespace string
	stop      context.CancelFunc
	working   sync.WaitGroup

	mu     sync.Mutex
	events []event
}

// event is one answer.
type event struct {
	server       string
	write        bool
	began, ended time.Time
	revision     int64
	value        int // that was written
}

const (
	pace     = 500 * time.Millisecond // between two questions of a client
	patience = 3 * time.Second        // for one answer
)

// Record begins: servers by name.
func Record(ctx context.Context, servers map[string]*rest.Config, namespace string) (*History, error) {
	h := &History{servers: map[string]*kubernetes.Clientset{}, namespace: namespace}
	for name, config := range servers {
		c, err := impatient(config)
		if err != nil {
			return nil, err
		}
		h.servers[name] = c
		if _, err := NewObjects(ctx, config, namespace); err != nil {
			return nil, err
		}
	}
	ctx, h.stop = context.WithCancel(ctx)
	for name, c := range h.servers {
		h.working.Go(func() { h.loop(ctx, name, true, writer(c, namespace, name)) })
		h.working.Go(func() { h.loop(ctx, name, false, reader(c, namespace)) })
	}
	return h, nil
}

// impatient is a client that gives up a connection with the question that it was for:
// one that a fault of the network has left hanging would hide that the server is back.
func impatient(config *rest.Config) (*kubernetes.Clientset, error) {
	config = rest.CopyConfig(config)
	config.Timeout = patience
	config.NextProtos = []string{"http/1.1"}
	return client(config)
}

// From makes the connections of a client come from an address of this machine.
func From(config *rest.Config, address string) *rest.Config {
	config = rest.CopyConfig(config)
	config.Dial = (&net.Dialer{Timeout: patience, LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}).DialContext
	return config
}

// Close ends it. Verdict and Kept are for afterwards.
func (h *History) Close() {
	h.stop()
	h.working.Wait()
}

func (h *History) loop(ctx context.Context, server string, write bool, ask func(ctx context.Context, value int) (int64, error)) {
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for value := 1; ; value++ {
		began := time.Now()
		revision, err := ask(ctx, value)
		if err == nil {
			h.mu.Lock()
			h.events = append(h.events, event{server, write, began, time.Now(), revision, value})
			h.mu.Unlock()
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// writer writes a growing number through one API server.
func writer(c *kubernetes.Clientset, namespace, name string) func(context.Context, int) (int64, error) {
	maps := c.CoreV1().ConfigMaps(namespace)
	return func(ctx context.Context, value int) (int64, error) {
		m := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}, Data: map[string]string{key: strconv.Itoa(value)}}
		written, err := maps.Update(ctx, m, metav1.UpdateOptions{})
		if apierrors.IsNotFound(err) { // the state that was restored does not have it
			written, err = maps.Create(ctx, m, metav1.CreateOptions{})
		}
		if err != nil {
			return 0, err
		}
		return strconv.ParseInt(written.ResourceVersion, 10, 64)
	}
}

// reader takes what an API server has in its watch cache: it needs no etcd for that, and
// serves the past for as long as it lives.
func reader(c *kubernetes.Clientset, namespace string) func(context.Context, int) (int64, error) {
	maps := c.CoreV1().ConfigMaps(namespace)
	return func(ctx context.Context, _ int) (int64, error) {
		list, err := maps.List(ctx, metav1.ListOptions{ResourceVersion: "0"})
		if err != nil {
			return 0, err
		}
		return strconv.ParseInt(list.ResourceVersion, 10, 64)
	}
}

// Clusters is how many clusters have served so far, one after the other: a restore makes
// a new one.
func (h *History) Clusters() int {
	return len(epochs(h.copy()))
}

func (h *History) copy() []event {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]event(nil), h.events...)
}

// Verdict is nil if no client was told anything that contradicts what another one was
// told, and every API server has served the last cluster.
func (h *History) Verdict() error { return judge(h.copy(), len(h.servers)) }

// Kept asks an API server for what was acknowledged: what the writers wrote into the last
// cluster is there.
func (h *History) Kept(ctx context.Context, server string) error {
	events := h.copy()
	all := epochs(events)
	if len(all) == 0 {
		return errors.New("nothing was ever acknowledged")
	}
	last := map[string]int{}
	for _, e := range events {
		if e.write && e.revision >= all[len(all)-1].first {
			last[e.server] = max(last[e.server], e.value)
		}
	}
	var errs []error
	for name, value := range last {
		m, err := h.servers[server].CoreV1().ConfigMaps(h.namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			errs = append(errs, fmt.Errorf("%d, acknowledged to the writer of %s: %w", value, name, err))
			continue
		}
		if now, err := strconv.Atoi(m.Data[key]); err != nil || now < value {
			errs = append(errs, fmt.Errorf("%d was acknowledged to the writer of %s, and there is %q", value, name, m.Data[key]))
		}
	}
	return errors.Join(errs...)
}
