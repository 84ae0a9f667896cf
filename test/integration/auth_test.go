package integration

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

const (
	password    = "secret"
	newPassword = "another"
)

// TestAuth restores a cluster that demands passwords, as it is and open.
func TestAuth(t *testing.T) {
	eachVersion(t, func(t *testing.T, v etcdtest.Version) {
		closed := etcdtest.New(t, etcdtest.Config{Version: v})
		closed.Start(t)
		admin := closed.Client(t)
		if _, err := admin.Put(t.Context(), "app/key", "value"); err != nil {
			t.Fatal(err)
		}
		enableAuth(t, admin, password)
		file := filepath.Join(t.TempDir(), "snap.db")
		save(t, closed, file, "--user", "root:"+password)
		closed.Kill(t)

		for _, compact := range []string{"--compact=false", "--compact"} {
			same := etcdtest.New(t, etcdtest.Config{Version: v})
			restoreOne(t, same, file, compact)
			same.Members[0].Start(t)
			requireClosed(t, same)

			open := etcdtest.New(t, etcdtest.Config{Version: v, Size: 3})
			restoreAll(t, open, file, "--reset-auth", compact)
			open.Start(t)
			requireOpen(t, open)
			enableAuth(t, open.Client(t), newPassword)
			if err := get(t, open, "root", password); err == nil {
				t.Error("the old password is valid after --reset-auth")
			}
			if err := get(t, open, "root", newPassword); err != nil {
				t.Errorf("the new password: %v", err)
			}
		}
	})
}

// enableAuth makes root, a user with a role, and switches authentication on.
func enableAuth(t *testing.T, client *clientv3.Client, rootPassword string) {
	t.Helper()
	steps := []func() error{
		func() error { _, err := client.UserAdd(t.Context(), "root", rootPassword); return err },
		func() error { _, err := client.RoleAdd(t.Context(), "root"); return err },
		func() error { _, err := client.UserGrantRole(t.Context(), "root", "root"); return err },
		func() error { _, err := client.UserAdd(t.Context(), "app", rootPassword); return err },
		func() error { _, err := client.RoleAdd(t.Context(), "reader"); return err },
		func() error {
			_, err := client.RoleGrantPermission(t.Context(), "reader", "app/", "app0", clientv3.PermissionType(clientv3.PermRead))
			return err
		},
		func() error { _, err := client.UserGrantRole(t.Context(), "app", "reader"); return err },
		func() error { _, err := client.AuthEnable(t.Context()); return err },
	}
	for i, step := range steps {
		if err := step(); err != nil {
			t.Fatalf("step %d of enabling authentication: %v", i, err)
		}
	}
}

// requireClosed wants users, passwords and permissions as they were.
func requireClosed(t *testing.T, c *etcdtest.Cluster) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		err := get(t, c, "root", password)
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("root cannot log in: %v", err)
		}
	}
	if err := get(t, c, "app", password); err != nil {
		t.Errorf("the user who may read: %v", err)
	}
	if err := get(t, c, "app", "guess"); !errors.Is(err, rpctypes.ErrAuthFailed) {
		t.Errorf("wrong password: %v", err)
	}
	if _, err := c.Client(t).Get(t.Context(), "app/key"); !errors.Is(err, rpctypes.ErrUserEmpty) {
		t.Errorf("read without a user: %v", err)
	}
	app := login(t, c, "app", password)
	if _, err := app.Put(t.Context(), "app/key", ""); !errors.Is(err, rpctypes.ErrPermissionDenied) {
		t.Errorf("write by a reader: %v", err)
	}
}

// requireOpen wants no users, no roles, no passwords, on every member.
func requireOpen(t *testing.T, c *etcdtest.Cluster) {
	t.Helper()
	for _, m := range c.Members {
		client := m.Client(t)
		resp, err := client.Get(t.Context(), "app/key")
		if err != nil || len(resp.Kvs) != 1 {
			t.Fatalf("read from %s: %v, %v", m.Name, resp, err)
		}
		users, err := client.UserList(t.Context())
		if err != nil || len(users.Users) != 0 {
			t.Errorf("users of %s: %v, %v", m.Name, users, err)
		}
		roles, err := client.RoleList(t.Context())
		if err != nil || len(roles.Roles) != 0 {
			t.Errorf("roles of %s: %v, %v", m.Name, roles, err)
		}
	}
}

// get reads a key as user.
func get(t *testing.T, c *etcdtest.Cluster, user, password string) error {
	t.Helper()
	client, err := dialAs(t.Context(), c, user, password)
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	_, err = client.Get(ctx, "app/key")
	return err
}

func login(t *testing.T, c *etcdtest.Cluster, user, password string) *clientv3.Client {
	t.Helper()
	client, err := dialAs(t.Context(), c, user, password)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

func dialAs(ctx context.Context, c *etcdtest.Cluster, user, password string) (*clientv3.Client, error) {
	return clientv3.New(clientv3.Config{
		Context: ctx, Endpoints: c.Endpoints(), Username: user, Password: password,
		DialTimeout: 5 * time.Second, Logger: zap.NewNop(),
	})
}
