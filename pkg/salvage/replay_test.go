package salvage

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	bolt "go.etcd.io/bbolt"
	"go.etcd.io/etcd/api/v3/authpb"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"golang.org/x/crypto/bcrypt"
	"google.golang.org/protobuf/proto"

	"github.com/etcd-restore/etcd-restore/pkg/datadir"
	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// TestReplayAgainstEtcd replays what a real server has in its log on an earlier
// copy of its db, and compares the result with the db that the same server writes
// when it is started on a copy of the directory.
func TestReplayAgainstEtcd(t *testing.T) {
	t.Parallel()
	for _, version := range etcdtest.Servers() {
		for begin, prefix := range map[string]string{"the first entry": "", "a db": "before/"} {
			if prefix != "" && version != etcdtest.V37 {
				continue // where the db ends does not depend on the version
			}
			t.Run(fmt.Sprintf("%s from %s", version, begin), func(t *testing.T) {
				t.Parallel()
				c := etcdtest.New(t, etcdtest.Config{Version: version})
				m := c.Members[0]
				if prefix == "" { // to have the first entries in the log alone
					m.Args = []string{"--backend-batch-interval", "1h", "--backend-batch-limit", "1000000"}
				}
				c.Start(t)
				if prefix != "" {
					if _, err := c.Client(t).Put(t.Context(), prefix, ""); err != nil {
						t.Fatal(err)
					}
				}
				early := frozen(t, m)
				client := connected(t, c)
				work(t, client, "in the log/")
				guard(t, c, client)
				c.Kill(t)
				server := clone(t, m.DataDir)
				overwrite(t, datadir.DBPath(m.DataDir), early)

				r, path := salvaged(t, Config{Sources: sources(m.DataDir)})
				kept, keptPath := salvaged(t, Config{Sources: sources(m.DataDir), KeepAlarms: true})
				if !r.Majority || r.Replayed < 60 || r.Lost != nil || kept.Revision != r.Revision || kept.Compacted != r.Compacted {
					t.Errorf("%+v, with alarms %+v", r, kept)
				}
				m.DataDir, m.Args = server, nil
				m.Start(t)
				hash := hashOf(t, m, login(t, c, "root", "secret"), r.Revision)
				m.Stop(t)
				for with, path := range map[string]string{"alarms dropped": path, "alarms kept": keptPath} {
					if got := hashIn(t, path, r.Revision); got != hash {
						t.Errorf("%s: hash %x at revision %d, the server's is %x", with, got, r.Revision, hash)
					}
				}
				requireSame(t, datadir.DBPath(m.DataDir), keptPath, version)
				if n := len(bucket(t, path, "alarm")); n > 0 {
					t.Errorf("%d alarms are left", n)
				}
			})
		}
	}
}

// frozen is the db of a running server as it is on disk at one moment.
func frozen(t *testing.T, m *etcdtest.Member) []byte {
	t.Helper()
	if err := syscall.Kill(m.PID(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	db, err := os.ReadFile(datadir.DBPath(m.DataDir))
	if err := errors.Join(err, syscall.Kill(m.PID(), syscall.SIGCONT)); err != nil {
		t.Fatal(err)
	}
	return db
}

// connected is a client whose connection stands.
func connected(t *testing.T, c *etcdtest.Cluster) *clientv3.Client {
	t.Helper()
	client := c.Client(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		_, err := client.Get(ctx, "connected?")
		if err == nil {
			return client
		}
		if ctx.Err() != nil {
			t.Fatal(err)
		}
	}
}

// work does all that needs no password, below a prefix.
func work(t *testing.T, client *clientv3.Client, prefix string) {
	t.Helper()
	ctx := t.Context()
	do := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	key := func(k string) string { return prefix + k }
	for i := range 20 {
		do(client.Put(ctx, key(fmt.Sprintf("k%02d", i%7)), fmt.Sprintf("value %d", i)))
	}
	do(client.Delete(ctx, key("k03")))
	do(client.Delete(ctx, key("nothing")))
	do(client.Delete(ctx, key("k05"), clientv3.WithPrefix()))
	kept, err := client.Grant(ctx, 3600)
	do(kept, err)
	gone, err := client.Grant(ctx, 3600)
	do(gone, err)
	brief, err := client.Grant(ctx, 2)
	do(brief, err)
	do(client.Put(ctx, key("kept"), "v", clientv3.WithLease(kept.ID)))
	do(client.Put(ctx, key("moved"), "v", clientv3.WithLease(gone.ID)))
	do(client.Put(ctx, key("moved"), "v", clientv3.WithLease(kept.ID)))
	for i := range 3 {
		do(client.Put(ctx, key(fmt.Sprintf("revoked%d", i)), "v", clientv3.WithLease(gone.ID)))
		do(client.Put(ctx, key(fmt.Sprintf("expired%d", i)), "v", clientv3.WithLease(brief.ID)))
	}
	do(client.Revoke(ctx, gone.ID))
	do(client.Txn(ctx).If(clientv3.Compare(clientv3.Version(key("k01")), ">", 0)).Then(
		clientv3.OpGet(key(""), clientv3.WithPrefix()),
		clientv3.OpPut(key("txn"), "then"),
		clientv3.OpTxn(
			[]clientv3.Cmp{clientv3.Compare(clientv3.Value(key("k02")), "=", "no")},
			[]clientv3.Op{clientv3.OpPut(key("nested"), "then")},
			[]clientv3.Op{clientv3.OpDelete(key("k02")), clientv3.OpPut(key("nested"), "else", clientv3.WithLease(kept.ID)), clientv3.OpGet(key("k02"))},
		),
		clientv3.OpGet(key("txn")),
	).Else(clientv3.OpPut(key("txn"), "else")).Commit())
	now, err := client.Txn(ctx).If(clientv3.Compare(clientv3.ModRevision(key("k01")), "=", 1)).
		Then(clientv3.OpPut(key("never"), "")).Else(clientv3.OpGet(key("k01"))).Commit()
	do(now, err)
	if _, err := client.Txn(ctx).Then(clientv3.OpPut(key("never"), ""), clientv3.OpGet(key(""), clientv3.WithRev(now.Header.Revision+100))).Commit(); err == nil {
		t.Fatal("a transaction that reads the future succeeded")
	}
	do(client.Compact(ctx, now.Header.Revision-5))
	for i := range 10 {
		do(client.Put(ctx, key("compacted"), fmt.Sprint(i), clientv3.WithPrevKV()))
	}
	for expired := false; !expired; {
		resp, err := client.Get(ctx, key("expired"), clientv3.WithPrefix(), clientv3.WithCountOnly())
		do(resp, err)
		expired = resp.Count == 0
	}
}

// guard raises and clears alarms, closes the server to those without a password,
// and writes what that forbids.
func guard(t *testing.T, c *etcdtest.Cluster, client *clientv3.Client) {
	t.Helper()
	ctx := t.Context()
	status, err := client.Status(ctx, c.Members[0].ClientURL)
	if err != nil {
		t.Fatal(err)
	}
	alarm := func(client *clientv3.Client, action pb.AlarmRequest_AlarmAction) {
		t.Helper()
		if _, err := pb.NewMaintenanceClient(client.ActiveConnection()).Alarm(ctx, &pb.AlarmRequest{
			MemberID: status.Header.MemberId, Action: action, Alarm: pb.AlarmType_NOSPACE,
		}); err != nil {
			t.Fatal(err)
		}
	}
	denied := func(want error, client *clientv3.Client, key string) {
		t.Helper()
		if _, err := client.Put(ctx, key, "denied"); !errors.Is(err, want) {
			t.Fatalf("put of %s: %v, want %v", key, err, want)
		}
	}
	alarm(client, pb.AlarmRequest_ACTIVATE)
	denied(rpctypes.ErrNoSpace, client, "full")
	alarm(client, pb.AlarmRequest_DEACTIVATE)
	if _, err := client.Put(ctx, "room", "again"); err != nil {
		t.Fatal(err)
	}
	for i, step := range []func() error{
		func() error { _, err := client.UserAdd(ctx, "root", "secret"); return err },
		func() error { _, err := client.RoleAdd(ctx, "root"); return err },
		func() error { _, err := client.UserGrantRole(ctx, "root", "root"); return err },
		func() error { _, err := client.UserAdd(ctx, "app", "secret"); return err },
		func() error { _, err := client.UserAdd(ctx, "gone", "secret"); return err },
		func() error { _, err := client.UserDelete(ctx, "gone"); return err },
		func() error { _, err := client.RoleAdd(ctx, "writer"); return err },
		func() error {
			_, err := client.RoleGrantPermission(ctx, "writer", "app/", "app0", clientv3.PermissionType(clientv3.PermReadWrite))
			return err
		},
		func() error { _, err := client.UserGrantRole(ctx, "app", "writer"); return err },
		func() error { _, err := client.UserChangePassword(ctx, "app", "changed"); return err },
		func() error { _, err := client.AuthEnable(ctx); return err },
	} {
		if err := step(); err != nil {
			t.Fatalf("step %d of authentication: %v", i, err)
		}
	}
	root, app := login(t, c, "root", "secret"), login(t, c, "app", "changed")
	if _, err := app.Put(ctx, "app/mine", "v"); err != nil {
		t.Fatal(err)
	}
	denied(rpctypes.ErrPermissionDenied, app, "theirs")
	denied(rpctypes.ErrUserEmpty, client, "nobody's")
	if _, err := root.Put(ctx, "theirs", "v"); err != nil {
		t.Fatal(err)
	}
	alarm(root, pb.AlarmRequest_ACTIVATE)
	denied(rpctypes.ErrNoSpace, root, "full")
}

func login(t *testing.T, c *etcdtest.Cluster, user, password string) *clientv3.Client {
	t.Helper()
	client, err := clientv3.New(clientv3.Config{
		Endpoints: c.Endpoints(), Username: user, Password: password, DialTimeout: time.Minute, Logger: zap.NewNop(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

// clone copies a directory.
func clone(t *testing.T, dir string) string {
	t.Helper()
	copied := filepath.Join(t.TempDir(), "copy.etcd")
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	for _, private := range []string{copied, datadir.SnapDir(copied), datadir.WALDir(copied)} {
		if err := os.Chmod(private, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return copied
}

// hashOf asks a server, as soon as it answers, for the hash of its keys.
func hashOf(t *testing.T, m *etcdtest.Member, client *clientv3.Client, revision int64) uint32 {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		resp, err := client.HashKV(ctx, m.ClientURL, revision)
		if err == nil {
			return resp.Hash
		}
		if ctx.Err() != nil {
			t.Fatalf("%v\n%s", err, m.LogTail(10))
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func hashIn(t *testing.T, path string, revision int64) uint32 {
	t.Helper()
	f, err := snapshot.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	hash, err := f.HashKV(t.Context(), revision, nil)
	if err != nil {
		t.Fatal(err)
	}
	return hash.Hash
}

// bucket returns the entries of a bucket of a db or snapshot.
func bucket(t *testing.T, path, name string) map[string]string {
	t.Helper()
	db, err := bolt.Open(copyOf(t, path), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	entries := map[string]string{}
	if err := db.View(func(tx *bolt.Tx) error {
		b := tx.Bucket([]byte(name))
		if b == nil {
			return nil
		}
		return b.ForEach(func(k, v []byte) error { entries[string(k)] = string(v); return nil })
	}); err != nil {
		t.Fatal(err)
	}
	return entries
}

// requireSame compares every bucket but meta, which has the index of the entries
// that the server has added since.
func requireSame(t *testing.T, server, ours string, version etcdtest.Version) {
	t.Helper()
	for _, name := range []string{"key", "lease", "auth", "authUsers", "authRoles", "alarm", "members", "members_removed", "cluster"} {
		want, got := bucket(t, server, name), bucket(t, ours, name)
		if name == "authUsers" && version == etcdtest.V34 {
			// Its log has the passwords, of which each member makes a hash of its own.
			unhash(t, want)
			unhash(t, got)
		}
		if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got))); diff != "" {
			t.Errorf("keys of bucket %s (-server +salvaged)\n%q", name, diff)
		} else if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("bucket %s (-server +salvaged)\n%s", name, diff)
		}
	}
	for key, want := range bucket(t, server, "meta") {
		if key == "storageVersion" {
			continue // no entry sets it: each server does so by itself, a while after it has started
		}
		if got, ok := bucket(t, ours, "meta")[key]; !ok && key != "confState" || key == "scheduledCompactRev" && got != want {
			t.Errorf("meta %s is %x, the server has %x", key, got, want)
		}
	}
}

// unhash replaces the hash in each user by the password that it is of.
func unhash(t *testing.T, users map[string]string) {
	t.Helper()
	for name, encoded := range users {
		user := &authpb.User{}
		if err := proto.Unmarshal([]byte(encoded), user); err != nil {
			t.Fatal(err)
		}
		for _, password := range []string{"secret", "changed"} {
			if bcrypt.CompareHashAndPassword(user.Password, []byte(password)) == nil {
				user.Password = []byte(password)
			}
		}
		users[name] = user.String()
	}
}
