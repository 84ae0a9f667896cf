package integration

import (
	"path/filepath"
	"testing"

	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// The members have other names, addresses and a certificate authority that the old ones
// would not trust.
func TestRunbookNewMachines(t *testing.T) {
	t.Parallel()
	old := etcdtest.NewTLS(t)
	c := etcdtest.New(t, etcdtest.Config{Version: etcdtest.V37, Size: 3, TLS: old})
	c.Start(t)
	load, err := etcdtest.LoadKubernetes(t.Context(), c.Client(t), etcdtest.KubernetesOptions{Nodes: 2, Pods: 10, Rounds: 1})
	if err != nil {
		t.Fatal(err)
	}
	want := c.Keys(t, 0)
	snapshot := filepath.Join(t.TempDir(), "snapshot.db")
	save(t, c, snapshot, "--cacert", old.CA(), "--cert", old.Cert("client"), "--key", old.Key("client"))
	if err := load.Churn(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	c.Kill(t)

	certs := etcdtest.NewTLS(t)
	moved := etcdtest.New(t, etcdtest.Config{Version: etcdtest.V37, Size: 3, TLS: certs})
	for i, m := range moved.Members {
		m.Name = []string{"n1", "n2", "n3"}[i]
	}
	r := openRunbook(t, "new-machines.md", map[string]string{
		"SNAPSHOT": snapshot, "SEEN": "--seen-data-dir " + c.Members[1].DataDir,
		"NEW": filepath.Join(t.TempDir(), "new"), "CLUSTER": moved.InitialCluster(),
		"ETCDCTL_ENDPOINTS": moved.Endpoints()[2], "ETCDCTL_CACERT": certs.CA(),
		"ETCDCTL_CERT": certs.Cert("client"), "ETCDCTL_KEY": certs.Key("client"),
	})
	requireSays(t, r.follow(), snapshot+": OK", "Restored "+snapshot, "n3")

	r.moveTo(moved)
	r.requireBack(moved, want, load.Revision)
}
