package salvage

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.etcd.io/bbolt"
	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/lease/leasepb"
	"google.golang.org/protobuf/proto"

	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// hashKV is the verb hashkv, at the salvaged revision.
func hashKV(t *testing.T, s salvaged) uint32 {
	t.Helper()
	var h struct{ Hash uint32 }
	succeed(t, &h, "hashkv", s.Path)
	if s.HashKV != nil && h.Hash != *s.HashKV {
		t.Errorf("hashkv says %d, salvage said %d", h.Hash, *s.HashKV)
	}
	return h.Hash
}

// requireTools wants our own verbs and etcdutl to find a snapshot in order.
func requireTools(t *testing.T, s salvaged) {
	t.Helper()
	var verdict struct {
		OK     bool
		SHA256 string
	}
	succeed(t, &verdict, "verify", s.Path)
	if !verdict.OK || verdict.SHA256 != s.SHA256 {
		t.Errorf("verify: %+v, salvage says sha256 %s", verdict, s.SHA256)
	}
	var status, theirs struct {
		Revision int64
		TotalKey int64
		Size     int64 `json:"totalSize"`
	}
	succeed(t, &status, "status", s.Path)
	etcdutl(t, &theirs, "snapshot", "status", s.Path, "-w", "json")
	if status.Revision != s.Revision || status != theirs {
		t.Errorf("status is %+v, etcdutl says %+v, salvage says revision %d", status, theirs, s.Revision)
	}
	var hash struct {
		Hash         uint32
		HashRevision int64
	}
	etcdutl(t, &hash, "hashkv", workingCopy(t, s.Path), "-w", "json")
	if ours := hashKV(t, s); hash.Hash != ours || hash.HashRevision != s.Revision {
		t.Errorf("hashkv is %d, etcdutl says %+v", ours, hash)
	}
	etcdutl(t, nil, "snapshot", "restore", s.Path, "--data-dir", filepath.Join(t.TempDir(), "etcdutl"))
}

// etcdutl runs the newest one, which must succeed, and decodes its result.
func etcdutl(t *testing.T, result any, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), etcdtest.Binary(t, etcdtest.V37, "etcdutl"), args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", cmd, err, out, &stderr)
	}
	if result == nil {
		return
	}
	if err := json.Unmarshal(out, result); err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, out)
	}
}

// workingCopy is for tools that write into what they look at.
func workingCopy(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), filepath.Base(file))
	if err := os.WriteFile(to, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return to
}

// leasesIn reads the leases out of a snapshot: those that are about to expire
// cannot be asked for in time.
func leasesIn(t *testing.T, file string, keys []*mvccpb.KeyValue) map[clientv3.LeaseID][]string {
	t.Helper()
	db, err := bbolt.Open(workingCopy(t, file), 0o600, &bbolt.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	attachedTo := make(map[clientv3.LeaseID][][]byte)
	for _, kv := range keys {
		id := clientv3.LeaseID(kv.Lease)
		attachedTo[id] = append(attachedTo[id], kv.Key)
	}
	found := make(map[clientv3.LeaseID][]string)
	err = db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte("lease")).ForEach(func(_, v []byte) error {
			var l leasepb.Lease
			err := proto.Unmarshal(v, &l)
			id := clientv3.LeaseID(l.GetID())
			found[id] = attached(attachedTo[id])
			return err
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
