package etcdrestore

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/etcd-restore/etcd-restore/pkg/transport"
	"github.com/etcd-restore/etcd-restore/pkg/transport/ssh"
)

// TestConnectLocal: this machine is a node.
func TestConnectLocal(t *testing.T) {
	t.Parallel()
	o := &ClusterOptions{Options: newOptions(), Local: true, streams: Streams{Out: io.Discard, ErrOut: io.Discard}}
	nodes, err := o.connect(t.Context())
	must(t, err)
	defer nodes.Close()
	if len(nodes.All) != 1 || len(nodes.Failed) != 0 {
		t.Fatalf("%d nodes, and %d that cannot be reached", len(nodes.All), len(nodes.Failed))
	}
	var out bytes.Buffer
	must(t, nodes.All[0].Run(t.Context(), transport.Command{Args: []string{"version", "-o", "json"}, Stdout: &out}))
	if !json.Valid(out.Bytes()) {
		t.Errorf("no JSON: %s", out.String())
	}
}

// TestConnectNowhere: where no kubeconfig names an API server, none is guessed, and ssh is
// named as the other way.
func TestConnectNowhere(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"empty":              "",
		"no current context": "apiVersion: v1\nkind: Config\nclusters:\n- {name: k, cluster: {server: 'https://127.0.0.1:1'}}\n",
	} {
		opts := newOptions()
		*opts.KubeConfig = filepath.Join(t.TempDir(), "kubeconfig")
		must(t, os.WriteFile(*opts.KubeConfig, []byte(content), 0o600))
		o := &ClusterOptions{Options: opts, streams: Streams{Out: io.Discard, ErrOut: io.Discard}}
		for verb, f := range map[string]func() error{
			"all":     func() error { _, err := o.connect(t.Context()); return err },
			"cleanup": func() error { return (&CleanupOptions{o}).Run(t.Context()) },
		} {
			err := f()
			if !errors.Is(err, errNoWay) || !errors.Is(err, errNoKubeconfig) || !strings.Contains(hintOf(err), "--ssh root@HOST") {
				t.Errorf("%s, %s: error %v, hint %q", name, verb, err, hintOf(err))
			}
		}
		named := newOptions() // the others remember what they have read
		*named.KubeConfig, *named.APIServer = *opts.KubeConfig, "https://127.0.0.1:1"
		if config, err := (&ClusterOptions{Options: named}).restConfig(); err != nil || config.Host != *named.APIServer {
			t.Errorf("%s: with --server: %v", name, err)
		}
	}
}

// TestConnectMistake: what can be no host is an error, whatever else can be reached.
func TestConnectMistake(t *testing.T) {
	t.Parallel()
	o := &ClusterOptions{Options: newOptions(), Local: true, SSH: []string{"-oProxyCommand=x"}}
	if _, err := o.connect(t.Context()); !errors.Is(err, ssh.ErrHost) {
		t.Errorf("error %v", err)
	}
	o.SSH = []string{"cp1", "cp1"}
	if err := o.Validate(); err == nil {
		t.Error("a host twice is accepted")
	}
}
