package salvage

import (
	"context"
	"fmt"
	"slices"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// login is a name and a password that may be right.
type login struct{ user, password string }

// authOf lists what decides who may do what.
func (s *scene) authOf(t *testing.T, m *etcdtest.Member) []string {
	t.Helper()
	client, ctx := m.Client(t), t.Context()
	status, err := client.AuthStatus(ctx)
	if err != nil {
		t.Fatalf("authentication of %s: %v", m.Name, err)
	}
	lines := []string{fmt.Sprintf("enabled: %t, revision %d", status.Enabled, status.AuthRevision)}
	users, err := client.UserList(ctx)
	if err != nil {
		t.Fatalf("users of %s: %v", m.Name, err)
	}
	for _, name := range users.Users {
		user, err := client.UserGet(ctx, name)
		if err != nil {
			t.Fatalf("user %s of %s: %v", name, m.Name, err)
		}
		lines = append(lines, fmt.Sprintf("user %s: %s", name, user.Roles))
	}
	lines = append(lines, rolesOf(t, m, client)...)
	for _, l := range s.logins {
		_, err := client.Authenticate(ctx, l.user, l.password)
		lines = append(lines, fmt.Sprintf("%s may log in with %s: %t", l.user, l.password, err == nil))
	}
	return lines
}

func rolesOf(t *testing.T, m *etcdtest.Member, client *clientv3.Client) (lines []string) {
	t.Helper()
	roles, err := client.RoleList(t.Context())
	if err != nil {
		t.Fatalf("roles of %s: %v", m.Name, err)
	}
	for _, name := range roles.Roles {
		role, err := client.RoleGet(t.Context(), name)
		if err != nil {
			t.Fatalf("role %s of %s: %v", name, m.Name, err)
		}
		for _, p := range role.Perm {
			lines = append(lines, fmt.Sprintf("role %s: %s from %q to %q", name, p.PermType, p.Key, p.RangeEnd))
		}
	}
	return lines
}

// cheap makes passwords quick to check; that they are stored well is not the point.
const cheap = "--bcrypt-cost=4"

// TestAuth has a user who is not root write to a cluster that demands
// passwords, and changes users, roles and passwords in the tail.
func TestAuth(t *testing.T) {
	eachVersion(t, func(t *testing.T, v etcdtest.Version) {
		s := newScene(t, v, seed(t), plan{args: lagging(cheap), patient: true})
		s.demandPasswords(t)
		s.cluster.User, s.cluster.Password = "app", "old"
		s.work(t, 3)
		wishes := s.wishes(t)
		s.cluster.User, s.cluster.Password = "root", "secret"
		root := s.newWriter(t, "root")
		s.await(t, 50)
		send(t, root.client, addUser("between"))
		s.await(t, 50)
		before := root.wish(func() request { return root.put(root.life.prefix+"00", 0) })
		after := root.wish(func() request { return root.put(root.life.prefix+"00", 0) })
		wishes = append(wishes, before)

		l, followers := s.loseFollowers(t)
		for _, w := range wishes {
			l.send(t, *w.unknown)
		}
		for _, r := range []request{addUser("late"), addRole("late"), newPassword("app", "new")} {
			l.send(t, r)
		}
		// It was allowed under rules that are no longer those of the log when its
		// turn comes, so etcd refuses to apply it.
		l.send(t, *after.unknown)
		l.end(t)

		s.logins = []login{{"app", "old"}, {"app", "new"}, {"between", "pw"}, {"late", "pw"}, {"root", "secret"}}
		p := s.prove(t, l.leader, followers[0])
		for _, w := range wishes {
			if !w.granted(p.tail) || w.granted(p.cut) {
				t.Errorf("%s: with tail %t, without %t", w.unknown.what, w.granted(p.tail), w.granted(p.cut))
			}
		}
		if after.granted(p.tail) {
			t.Errorf("%s: etcd would have refused it", after.unknown.what)
		}
		requireLines(t, p.tail.auth, "app may log in with new: true", "late may log in with pw: true", "between may log in with pw: true")
		requireLines(t, p.cut.auth, "app may log in with old: true", "late may log in with pw: false", "between may log in with pw: true")
	})
}

// demandPasswords makes root, and app, who may write everything that writers
// write, and enables authentication.
func (s *scene) demandPasswords(t *testing.T) {
	t.Helper()
	client := s.cluster.Client(t)
	for _, r := range []request{
		setUp("root", "secret"), addRole("root"), grantRole("root", "root"),
		setUp("app", "old"), addRole("writer"), grantRole("app", "writer"),
		allow("writer", "\x00", "\x00"), // every key
	} {
		send(t, client, r)
	}
	if _, err := client.AuthEnable(t.Context()); err != nil {
		t.Fatalf("enable authentication: %v", err)
	}
}

// send sends a request that has to succeed.
func send(t *testing.T, client *clientv3.Client, r request) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), requestTimeout)
	defer cancel()
	if _, err := r.send(ctx, client); err != nil {
		t.Fatalf("%s: %v", r.what, err)
	}
}

func requireLines(t *testing.T, all []string, want ...string) {
	t.Helper()
	for _, line := range want {
		if !slices.Contains(all, line) {
			t.Errorf("%q is not in %q", line, all)
		}
	}
}

func addUser(name string) request { return setUp(name, "pw") }

func setUp(name, password string) request {
	return request{what: "user " + name, send: func(ctx context.Context, c *clientv3.Client) (*pb.ResponseHeader, error) {
		resp, err := c.UserAdd(ctx, name, password)
		return (*pb.AuthUserAddResponse)(resp).GetHeader(), err
	}}
}

func addRole(name string) request {
	return request{what: "role " + name, send: func(ctx context.Context, c *clientv3.Client) (*pb.ResponseHeader, error) {
		resp, err := c.RoleAdd(ctx, name)
		return (*pb.AuthRoleAddResponse)(resp).GetHeader(), err
	}}
}

func grantRole(user, role string) request {
	return request{what: user + " becomes " + role, send: func(ctx context.Context, c *clientv3.Client) (*pb.ResponseHeader, error) {
		resp, err := c.UserGrantRole(ctx, user, role)
		return (*pb.AuthUserGrantRoleResponse)(resp).GetHeader(), err
	}}
}

func allow(role, from, to string) request {
	return request{what: role + " may write", send: func(ctx context.Context, c *clientv3.Client) (*pb.ResponseHeader, error) {
		resp, err := c.RoleGrantPermission(ctx, role, from, to, clientv3.PermissionType(clientv3.PermReadWrite))
		return (*pb.AuthRoleGrantPermissionResponse)(resp).GetHeader(), err
	}}
}

func newPassword(user, password string) request {
	return request{what: "password of " + user, send: func(ctx context.Context, c *clientv3.Client) (*pb.ResponseHeader, error) {
		resp, err := c.UserChangePassword(ctx, user, password)
		return (*pb.AuthUserChangePasswordResponse)(resp).GetHeader(), err
	}}
}
