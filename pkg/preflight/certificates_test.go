package preflight_test

import (
	"os"
	"testing"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/preflight"
)

const day = 24 * time.Hour

func TestEtcdCertificates(t *testing.T) {
	t.Parallel()
	issue := func(name string, l leaf) func(*testing.T, *world) {
		return func(t *testing.T, w *world) { w.issue(t, name, l) }
	}
	sans := []string{"EtcdCertificateSANs"}
	try(t, "EtcdCertificates", map[string]wrong{
		"server expired":      {change: issue("etcd-server", leaf{from: -2 * day, to: -day}), want: fails("etcd/server.crt expired")},
		"peer expired":        {change: issue("etcd-peer", leaf{from: -2 * day, to: -day}), want: fails("etcd/peer.crt expired")},
		"client expired":      {change: issue("etcd-healthcheck-client", leaf{from: -2 * day, to: -day}), want: fails("healthcheck-client.crt expired")},
		"API server expired":  {change: issue("apiserver-etcd-client", leaf{from: -2 * day, to: -day}), want: fails("apiserver-etcd-client.crt expired")},
		"expires in two days": {change: issue("etcd-peer", leaf{to: 2 * day}), want: warnings("etcd/peer.crt expires on")},
		"not in force yet":    {change: issue("etcd-peer", leaf{from: day}), want: fails("is valid from"), also: []string{"Clock"}},
		"by another authority": {
			change: func(t *testing.T, w *world) { w.issue(t, "etcd-server", leaf{by: newAuthority(t, w.now)}) },
			want:   fails("server.crt is not backed by"),
		},
		"missing": {
			change: func(t *testing.T, w *world) { must(t, os.Remove(w.node.PKI("etcd/server.key"))) },
			want:   fails("key of etcd-server"), also: sans,
		},
		"not a certificate": {
			change: func(t *testing.T, w *world) { w.write(t, "/etc/kubernetes/pki/etcd/peer.crt", "hello") },
			want:   fails("peer.crt"), also: sans,
		},
		"all at once": {
			change: func(t *testing.T, w *world) {
				for _, name := range []string{"etcd-server", "etcd-peer", "etcd-healthcheck-client", "apiserver-etcd-client"} {
					w.issue(t, name, leaf{from: -2 * day, to: -day})
				}
			},
			want: fails("server.crt", "peer.crt", "healthcheck-client.crt", "apiserver-etcd-client.crt"),
		},
		"etcd uses others": {
			change: func(t *testing.T, w *world) {
				w.manifest(t, "--peer-cert-file=/etc/kubernetes/pki/etcd/peer.crt", "--peer-cert-file=/etc/kubernetes/pki/etcd/own.crt")
			},
			want: warnings("--peer-cert-file=/etc/kubernetes/pki/etcd/own.crt"),
		},
	})
}

func TestEtcdCertificateSANs(t *testing.T) {
	t.Parallel()
	with := func(name string, hosts ...string) func(*testing.T, *world) {
		return func(t *testing.T, w *world) { w.issue(t, name, leaf{hosts: hosts}) }
	}
	try(t, "EtcdCertificateSANs", map[string]wrong{
		"the server has moved": {change: with("etcd-server", "127.0.0.1", "127.0.0.12"), want: fails("not 10.99.0.11")},
		"the peer has moved":   {change: with("etcd-peer", "127.0.0.1", "127.0.0.12"), want: fails("not 10.99.0.11")},
		"not for loopback":     {change: with("etcd-server", "10.99.0.11"), want: fails("not 127.0.0.1")},
		"listens on all": {change: func(t *testing.T, w *world) {
			w.manifest(t, "--listen-client-urls=https://127.0.0.1:2379,https://10.99.0.11:2379", "--listen-client-urls=https://0.0.0.0:2379,https://[::]:2379")
		}},
		"listens without TLS": {change: func(t *testing.T, w *world) {
			w.manifest(t, "--listen-client-urls=https://127.0.0.1:2379", "--listen-client-urls=http://192.0.2.1:2379,https://127.0.0.1:2379")
		}},
		"found by another name": {
			change: func(t *testing.T, w *world) {
				w.manifest(t, "--advertise-client-urls=https://10.99.0.11:2379", "--advertise-client-urls=https://etcd.example.org:2379")
			},
			want: fails("not etcd.example.org"),
		},
		"no address": {
			change: func(t *testing.T, w *world) {
				w.manifest(t, "--listen-client-urls=https://127.0.0.1:2379", "--listen-client-urls=nonsense")
			},
			want: fails(`address "nonsense"`),
		},
		"the plan has it elsewhere": {
			change: asked(func(r *preflight.Request) {
				for i := range r.Cluster.Members {
					r.Cluster.Members[i].PeerURLs = []string{peer("10.99.0.99")}
				}
			}),
			want: fails("not 10.99.0.99"), also: []string{"Members"},
		},
	})
}

func TestKubeletClientCertificate(t *testing.T) {
	t.Parallel()
	try(t, "KubeletClientCertificate", map[string]wrong{
		"expired": {change: func(t *testing.T, w *world) { w.issue(t, "kubelet-client", leaf{from: -2 * day, to: -day}) }, want: fails("kubelet-client-current.pem expired")},
		"missing": {change: func(t *testing.T, w *world) { must(t, os.Remove(w.node.KubeletClient())) }, want: fails("kubelet-client")},
		"soon":    {change: func(t *testing.T, w *world) { w.issue(t, "kubelet-client", leaf{to: day}) }, want: warnings("expires on")},
	})
}

func TestClock(t *testing.T) {
	t.Parallel()
	try(t, "Clock", map[string]wrong{
		"behind the certificates": {
			change: func(t *testing.T, w *world) { w.now = w.now.Add(-2 * time.Hour) },
			want:   warnings("server.crt begins", "peer.crt begins", "healthcheck-client.crt begins", "apiserver-etcd-client.crt begins", "kubelet-client-current.pem begins", "snapshot.db is from"),
			also:   []string{"EtcdCertificates", "KubeletClientCertificate"},
		},
		"behind the snapshot": {
			change: func(t *testing.T, w *world) { must(t, os.Chtimes(w.snapshot, time.Time{}, w.now.Add(time.Hour))) },
			want:   warnings("snapshot.db is from"),
		},
		"a little behind": {change: func(t *testing.T, w *world) { must(t, os.Chtimes(w.snapshot, time.Time{}, w.now.Add(time.Minute))) }},
	})
}
