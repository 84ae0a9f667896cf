package pod

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
)

// Cluster is a cluster whose API server is asked.
type Cluster struct {
	kube    kubernetes.Interface
	config  *rest.Config
	session string        // label of all pods that this process makes
	name    func() string // of the next one
}

// Connect asks nobody yet.
func Connect(config *rest.Config) (*Cluster, error) {
	config = rest.CopyConfig(config)
	config.UserAgent = "etcd-restore"
	config.QPS = -1                           // a handful of requests; none should wait for its turn
	config.WarningHandler = rest.NoWarnings{} // it would print them
	config.Timeout = 0                        // of a request; a verb may take long
	kube, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, credentials("it cannot be used: " + err.Error())
	}
	return &Cluster{kube: kube, config: config, session: random(), name: func() string { return prefix + random() }}, nil
}

// prefix begins the name of every helper pod. What follows nobody can guess.
const prefix = "etcd-restore-"

// random is 40 bits: 8 characters would do for uniqueness, not against who is quick.
func random() string {
	b := make([]byte, 5)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// requestTime bounds a request that is no exec.
const requestTime = 15 * time.Second

// short returns a context for one request.
func short(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(quiet(ctx), requestTime)
}

// quiet keeps client-go from printing what it returns anyway.
func quiet(ctx context.Context) context.Context { return klog.NewContext(ctx, klog.Logger{}) }
