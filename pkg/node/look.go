package node

import (
	"context"
	"os"
	"sync"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/journal"
	"github.com/etcd-restore/etcd-restore/pkg/kubeadm"
)

// DefaultRuns is where the runs of a node are kept.
const DefaultRuns = "/var/lib/etcd-restore"

// DefaultTimeout is how long a live thing may take to answer.
const DefaultTimeout = 3 * time.Second

// Config says where to look. The zero value is the node that we are on.
type Config struct {
	Root    kubeadm.Node
	Runs    string        // folder of the runs, as the node sees it; "": DefaultRuns
	Timeout time.Duration // for each live thing to answer; 0: DefaultTimeout
	Now     time.Time     // 0: now
}

// Look looks at everything, all at once.
func Look(ctx context.Context, cfg Config) *Facts {
	l := looker{cfg: cfg, node: cfg.Root, facts: &Facts{Time: cfg.Now, Root: os.Geteuid() == 0}}
	if l.facts.Time.IsZero() {
		l.facts.Time = time.Now()
	}
	if l.cfg.Runs == "" {
		l.cfg.Runs = DefaultRuns
	}
	if l.cfg.Timeout == 0 {
		l.cfg.Timeout = DefaultTimeout
	}
	l.facts.Hostname, _ = os.Hostname() // for a heading: "" will do
	l.look(ctx)
	return l.facts
}

// looker fills in the facts, each part by one goroutine.
type looker struct {
	cfg   Config
	node  kubeadm.Node
	facts *Facts
}

func (l *looker) look(ctx context.Context) {
	f := l.facts
	f.Kubelet.Config, f.Kubelet.ConfigErr = l.node.Kubelet()
	f.Manifests = l.manifests()
	f.Etcd = etcdOf(f.Manifests)

	var parts sync.WaitGroup
	defer parts.Wait()
	parts.Go(func() { f.Data = l.data(ctx) })
	parts.Go(func() { f.Live = l.live(ctx) })
	parts.Go(func() { f.Kubelet.State, f.Kubelet.Err = l.kubelet(ctx) })
	parts.Go(func() { f.Runtime = l.runtime(ctx) })
	parts.Go(func() { f.Certificates = l.certificates() })
	parts.Go(func() { f.Runs = l.runs() })
	parts.Go(func() { f.Backups.Paths, f.Backups.Err = l.node.EtcdBackups() })
}

func (l *looker) certificates() []Certificate {
	var all []Certificate
	for _, files := range l.node.Certificates() {
		c := Certificate{Files: files}
		if c.Certificate, c.Err = l.node.ReadCertificate(files); c.Err == nil {
			c.Bad = c.Certificate.Check(l.facts.Time)
		}
		all = append(all, c)
	}
	return all
}

func (l *looker) runs() Runs {
	r := Runs{Path: l.node.Path(l.cfg.Runs)}
	r.Runs, r.Err = journal.List(r.Path)
	r.Busy = journal.Busy(r.Path)
	return r
}
