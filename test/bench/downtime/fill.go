package main

import (
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"go.etcd.io/etcd/client/pkg/v3/transport"
)

const (
	valueBytes = 6 << 10 // a Kubernetes object of some size
	perTxn     = 32      // below etcd's limits of 128 operations and 1.5 MiB
	writers    = 4
)

// fill writes so many bytes below /bulk/, where no API server looks. More than ten
// thousand transactions: etcd then lets go of the older part of its log, as it has on
// every cluster that has run for a day.
func (c *cluster) fill(bytes int64) {
	client := c.client()
	defer client.Close()
	began := time.Now()
	work, ctx := errgroup.WithContext(c.t.Context())
	keys := int(bytes / (valueBytes + 100))
	for w := range writers {
		work.Go(func() error {
			random := rand.NewChaCha8([32]byte{byte(w)})
			value := make([]byte, valueBytes)
			for at := w * perTxn; at < keys; at += writers * perTxn {
				var ops []clientv3.Op
				for i := at; i < min(at+perTxn, keys); i++ {
					_, _ = random.Read(value) // never fails
					ops = append(ops, clientv3.OpPut(fmt.Sprintf("/bulk/%08d", i), string(value)))
				}
				if _, err := client.Txn(ctx).Then(ops...).Commit(); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := work.Wait(); err != nil {
		c.t.Fatalf("fill the database: %v", err)
	}
	c.t.Logf("wrote %d keys in %v", keys, time.Since(began).Round(time.Second))
}

// client of the node's member, with the certificates of the node.
func (c *cluster) client() *clientv3.Client {
	const pki = "/etc/kubernetes/pki/etcd/"
	info := transport.TLSInfo{
		TrustedCAFile: c.node.Disk(pki + "ca.crt"),
		CertFile:      c.node.Disk(pki + "healthcheck-client.crt"),
		KeyFile:       c.node.Disk(pki + "healthcheck-client.key"),
	}
	config, err := info.ClientConfig()
	if err == nil {
		config.MinVersion = tls.VersionTLS12
	}
	var client *clientv3.Client
	if err == nil {
		client, err = clientv3.New(clientv3.Config{
			Endpoints:   []string{"https://" + c.node.Address(c.t) + ":2379"},
			TLS:         config,
			DialTimeout: 10 * time.Second,
			Logger:      zap.NewNop(),
		})
	}
	if err != nil {
		c.t.Fatalf("%v", err)
	}
	return client
}
