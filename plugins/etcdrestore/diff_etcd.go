package etcdrestore

import (
	"context"
	"errors"
	"os"

	"github.com/spf13/pflag"

	"github.com/etcd-restore/etcd-restore/pkg/etcdclient"
	"github.com/etcd-restore/etcd-restore/pkg/kubeadm"
	"github.com/etcd-restore/etcd-restore/pkg/kubediff"
	"github.com/etcd-restore/etcd-restore/pkg/kubeobject"
)

// EtcdOptions are the flags for an etcd that is asked without any API server.
type EtcdOptions struct {
	Endpoints         []string
	CACert, Cert, Key string
}

// AddFlags adds the flags, named as etcdctl has them.
func (o *EtcdOptions) AddFlags(fs *pflag.FlagSet) {
	fs.StringSliceVar(&o.Endpoints, "endpoints", nil, "compare with the etcd at these client `URLS`; the first that answers is asked")
	fs.StringVar(&o.CACert, "cacert", "", "`FILE` with the authority of that etcd (default: kubeadm's, on a control-plane node)")
	fs.StringVar(&o.Cert, "cert", "", "`FILE` with our certificate for it (likewise)")
	fs.StringVar(&o.Key, "key", "", "`FILE` with the key of that (likewise)")
}

// config fills in kubeadm's files where none are given.
func (o *EtcdOptions) config() etcdclient.Config {
	c := etcdclient.Config{Endpoints: o.Endpoints, CAFile: o.CACert, CertFile: o.Cert, KeyFile: o.Key}
	if o.CACert+o.Cert+o.Key != "" {
		return c
	}
	node := kubeadm.Node{}
	ca, cert, key := node.PKI("etcd/ca.crt"), node.PKI("etcd/healthcheck-client.crt"), node.PKI("etcd/healthcheck-client.key")
	if _, err := os.Stat(key); err == nil {
		c.CAFile, c.CertFile, c.KeyFile = ca, cert, key
	}
	return c
}

// compareEtcd compares with what an etcd holds.
func (o *DiffOptions) compareEtcd(ctx context.Context, s *indexed, d *diffReport) error {
	want, err := o.wanted(s.names)
	if err != nil {
		return err
	}
	keys, err := newDecrypter(o.Config, s.index.Prefix)
	if err != nil {
		return err
	}
	client, err := etcdclient.Dial(ctx, o.config())
	if err != nil {
		return err
	}
	defer client.Close()
	var errs []error
	for _, endpoint := range o.Endpoints {
		other := &kubediff.Listed{Layout: kubeobject.NewLayout(s.index.Prefix), Decoder: kubeobject.Decoder{Decrypter: keys}}
		revision, err := client.Keys(ctx, endpoint, s.index.Prefix+"/", func(k etcdclient.Key) error {
			other.Add(string(k.Key), k.Create, k.Mod)
			return nil
		})
		if err != nil {
			errs = append(errs, err)
			continue
		}
		other.Get = func(key string) ([]byte, error) { return client.Value(ctx, endpoint, key, revision) }
		d.Other = endpoint
		return s.file.Explain(kubediff.Compare(ctx, s.index, other, o.options(want), d.add))
	}
	return errors.Join(errs...)
}
