package etcdrestore

import (
	"context"
	"fmt"

	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/etcd-restore/etcd-restore/pkg/kubediff"
	"github.com/etcd-restore/etcd-restore/pkg/kubeobject"
	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
)

// indexed is a snapshot whose objects are known by key.
type indexed struct {
	file  *snapshot.File
	index *kubeobject.Index
	names *kubeobject.Names
}

func (i *indexed) close() { i.file.Close() }

// open reads the keys of a snapshot.
func (o *DiffOptions) open(ctx context.Context, path string) (_ *indexed, err error) {
	keys, err := newDecrypter(o.Config, o.Prefix)
	if err != nil {
		return nil, err
	}
	f, err := snapshot.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			f.Close()
			err = f.Explain(err)
		}
	}()
	reporter := &patient{reporter: o.Reporter(o.streams)}
	defer reporter.Finish()
	index, names, err := indexOf(ctx, f, kubeobject.Options{Prefix: o.Prefix, Decrypter: keys, Progress: reporter})
	return &indexed{f, index, names}, err
}

// compareLive compares with what the API server says.
func (o *DiffOptions) compareLive(ctx context.Context, s *indexed, d *diffReport) error {
	want, err := o.wanted(s.names)
	if err != nil {
		return err
	}
	cluster := &ClusterOptions{Options: o.Options, streams: o.streams}
	config, err := cluster.restConfig()
	if err != nil {
		return output.WithHint(fmt.Errorf("--live needs an API server: %w", err), "give --kubeconfig, or compare with a snapshot of now: `%s save now.db`", o.Program)
	}
	if err := answers(ctx, config); err != nil {
		return err
	}
	config = briskly(config)
	d.Other = config.Host
	live, err := newLive(config)
	if err != nil {
		return err
	}
	d.Skipped, err = skippedWords(live.Compare(ctx, s.index, s.names, o.options(want), d.add))
	return s.file.Explain(plainly(config.Host, err))
}

// briskly is a configuration for many requests, whose warnings are for those who write
// objects by hand.
func briskly(config *rest.Config) *rest.Config {
	config = rest.CopyConfig(config)
	config.WarningHandler = rest.NoWarnings{}
	config.QPS, config.Burst = 50, 100
	return config
}

func newLive(config *rest.Config) (kubediff.Live, error) {
	d, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return kubediff.Live{}, err
	}
	client, err := dynamic.NewForConfig(config)
	return kubediff.Live{Discovery: d, Dynamic: client}, err
}

func skippedWords(skipped []error, err error) ([]string, error) {
	words := []string{}
	for _, s := range skipped {
		words = append(words, s.Error())
	}
	return words, err
}
