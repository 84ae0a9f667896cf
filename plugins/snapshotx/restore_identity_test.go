package snapshotx_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/etcd-restore/etcd-restore/pkg/datadir"
	"github.com/etcd-restore/etcd-restore/pkg/schema"
)

// plainSnapshot is a snapshot of a keyspace that is not Kubernetes', at revision 2.
func plainSnapshot(t *testing.T, trailer bool) string {
	t.Helper()
	return rewrite(t, kubernetesSnapshot(t), trailer, func(tx *bbolt.Tx) error {
		if err := tx.DeleteBucket([]byte(schema.KeyBucket)); err != nil {
			return err
		}
		for _, mark := range []string{schema.ScheduledCompactKey, schema.FinishedCompactKey} {
			if err := tx.Bucket([]byte(schema.MetaBucket)).Delete([]byte(mark)); err != nil {
				return err
			}
		}
		b, err := tx.CreateBucket([]byte(schema.KeyBucket))
		if err != nil {
			return err
		}
		return b.Put(schema.Revision{Main: 2}.Key(), []byte("\x0a\x01k\x10\x02\x18\x02\x20\x01\x2a\x01v"))
	})
}

// Invariant I4: every restore is another cluster, and none is the old one, even
// with the names and URLs of old.
func TestEveryRestoreIsANewCluster(t *testing.T) {
	t.Parallel()
	file := kubernetesSnapshot(t)
	const old = "8211f1d0f64f3269" // m0 in the snapshot
	seen := map[string]bool{old: true}
	dir := t.TempDir()
	for _, name := range []string{"a", "b", "c"} {
		plan := restored(t, file, "--name", "m0", "--initial-cluster", "m0=http://127.0.0.1:12380", "--data-dir", filepath.Join(dir, name))
		for _, id := range []string{plan.InitialClusterToken, plan.ClusterID, plan.Members[0].ID} {
			if seen[id] || id == "" {
				t.Errorf("%q is not new", id)
			}
			seen[id] = true
		}
		if !strings.HasPrefix(plan.InitialClusterToken, "etcd-restore-") || len(plan.InitialClusterToken) != len("etcd-restore-")+32 {
			t.Errorf("token %q", plan.InitialClusterToken)
		}
	}
	// What the token is for: with the old one, it would be the old member.
	same := restored(t, file, "--name", "m0", "--initial-cluster", "m0=http://127.0.0.1:12380",
		"--initial-cluster-token", "etcd-cluster-1", "--data-dir", filepath.Join(dir, "d"))
	if same.Members[0].ID != old {
		t.Errorf("with the old token: %s, want %s", same.Members[0].ID, old)
	}
}

// Invariant I4: one member of several is refused unless everything that all must
// agree on is given; the commands that are printed instead make members that
// agree.
func TestOneMemberOfSeveral(t *testing.T) {
	t.Parallel()
	odd := filepath.Join(t.TempDir(), "it's a $(snapshot) *.db")
	kubernetes, plain, bare := kubernetesSnapshot(t), plainSnapshot(t, true), plainSnapshot(t, false)
	content(read(t, kubernetes)...)(t, odd)
	for name, tc := range map[string]struct {
		file string
		args []string
	}{
		"Kubernetes":       {kubernetes, nil},
		"plain":            {plain, nil},
		"odd path":         {odd, nil},
		"no trailer":       {bare, []string{"--skip-hash-check"}},
		"compact":          {kubernetes, []string{"--compact"}},
		"token, auto":      {plain, []string{"--initial-cluster-token", "it's mine", "--bump-revision", "auto"}},
		"token, default":   {kubernetes, []string{"--initial-cluster-token", "mine"}},
		"bump, no token":   {plain, []string{"--bump-revision", "1000", "--mark-compacted"}},
		"evidence":         {kubernetes, []string{"--seen-revision", "123456789"}},
		"all sorts":        {kubernetes, []string{"--learner", "m2", "--target-version", "3.5", "--reset-auth", "--keep-alarms"}},
		"auth":             {withUsers(t, kubernetes), nil},
		"auth, compact":    {withUsers(t, kubernetes), []string{"--compact", "--target-version", "3.4"}},
		"own directory":    {kubernetes, []string{"--data-dir", "etcd data", "--wal-dir", "wal"}},
		"advertised":       {kubernetes, []string{"--initial-advertise-peer-urls", "http://10.0.0.1:2380"}},
		"bump 0, no token": {kubernetes, []string{"--bump-revision", "0", "--mark-compacted=false"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := run(t, append([]string{"restore", tc.file, "--name", "m1", "--initial-cluster", initialCluster3}, tc.args...)...)
			refused(t, got, 6, "one decision for all members")
			pasteAndCompare(t, got.err)
		})
	}
}

// pasteAndCompare runs every printed command as on a host of its own.
func pasteAndCompare(t *testing.T, printed string) {
	t.Helper()
	var dbs [][]byte
	clusters := map[uint64]bool{}
	members := map[uint64]bool{}
	for line := range strings.Lines(printed) {
		if !strings.HasPrefix(line, "  etcdctl-snapshot-x ") {
			continue
		}
		host := t.TempDir()
		got := execute(t, func(cmd *exec.Cmd) {
			cmd.Dir = host
			cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(theCommand(t))+":"+os.Getenv("PATH"))
		}, "sh", "-c", strings.TrimSpace(line))
		if got.code != 0 {
			t.Fatalf("%s: %+v", line, got)
		}
		made, err := filepath.Glob(filepath.Join(host, "*", "member", "snap", "db"))
		if err != nil || len(made) != 1 {
			t.Fatalf("%s made %q, %v", line, made, err)
		}
		dbs = append(dbs, read(t, made[0]))
		logs, err := filepath.Glob(filepath.Join(host, "*", "member", "wal"))
		if err == nil && len(logs) == 0 {
			logs = []string{filepath.Join(host, "wal")}
		}
		info, err := datadir.ReadInfo(t.Context(), logs[0])
		if err != nil {
			t.Fatal(err)
		}
		clusters[info.ClusterID], members[info.MemberID] = true, true
	}
	if len(dbs) != 3 || len(clusters) != 1 || len(members) != 3 {
		t.Errorf("%d members, %d cluster IDs, %d member IDs; want 3, 1, 3:\n%s", len(dbs), len(clusters), len(members), printed)
	}
	for _, db := range dbs {
		if !bytes.Equal(db, dbs[0]) {
			t.Error("their databases differ")
		}
	}
}

func TestOneMemberWithEverythingDecided(t *testing.T) {
	t.Parallel()
	kubernetes, plain := kubernetesSnapshot(t), plainSnapshot(t, true)
	for name, args := range map[string][]string{
		"bump":            {kubernetes, "--bump-revision", "1000", "--mark-compacted"},
		"no bump":         {kubernetes, "--bump-revision", "0"},
		"plain, unspoken": {plain},
	} {
		args = append(args, "--name", "m2", "--initial-cluster", initialCluster3, "--initial-cluster-token", "ours", "--data-dir", filepath.Join(t.TempDir(), "m"))
		if plan := restored(t, args...); len(plan.Members) != 1 || plan.InitialClusterToken != "ours" {
			t.Errorf("%s: %+v", name, plan)
		}
	}
}

func TestExpectSHA256(t *testing.T) {
	t.Parallel()
	file, dir := kubernetesSnapshot(t), t.TempDir()
	sum := restored(t, file, "--data-dir", filepath.Join(dir, "a")).Snapshot.SHA256
	restored(t, file, "--data-dir", filepath.Join(dir, "b"), "--expect-sha256", strings.ToUpper(sum))
	restored(t, file, "--data-dir", filepath.Join(dir, "c"), "--expect-sha256", sum, "--compact")
	for _, extra := range [][]string{nil, {"--compact"}, {"--dry-run"}} {
		args := append([]string{"restore", file, "--data-dir", filepath.Join(dir, "d"), "--expect-sha256"}, strings.Repeat("0", 64))
		refused(t, run(t, append(args, extra...)...), 5, "another snapshot")
	}
	for _, malformed := range []string{sum[:63], "x", ""} {
		refused(t, run(t, "restore", file, "--data-dir", filepath.Join(dir, "d"), "--expect-sha256", malformed), 2, "64 hexadecimal digits")
	}
	holds(t, dir, "a", "b", "c")
}

func TestRestoreRefusesBadMemberships(t *testing.T) {
	t.Parallel()
	file, dir := kubernetesSnapshot(t), t.TempDir()
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"unknown name":     {[]string{"--name", "m9", "--initial-cluster", initialCluster3}, "m9"},
		"unknown learner":  {[]string{"--all-members", "--output-dir", dir, "--initial-cluster", initialCluster3, "--learner", "m9"}, "m9"},
		"all learners":     {[]string{"--all-members", "--output-dir", dir, "--initial-cluster", initialCluster3, "--learner", "m1,m2,m3"}, "learner"},
		"only a learner":   {[]string{"--name", "m1", "--learner", "m1"}, "learner"},
		"same URL twice":   {[]string{"--name", "m1", "--initial-cluster", "m1=http://a:1,m2=http://a:1"}, "same peer URL"},
		"URL repeated":     {[]string{"--name", "m1", "--initial-cluster", "m1=http://a:1,m1=http://a:1"}, "twice"},
		"no URL":           {[]string{"--name", "m1", "--initial-cluster", "m1"}, "no peer URL"},
		"empty URL":        {[]string{"--name", "m1", "--initial-cluster", "m1="}, "m1"},
		"no name":          {[]string{"--name", "m1", "--initial-cluster", "http://a:1"}, "no member name"},
		"empty name":       {[]string{"--name", "m1", "--initial-cluster", "=http://a:1"}, "empty member name"},
		"not a URL":        {[]string{"--name", "m1", "--initial-cluster", "m1=a b"}, "m1"},
		"no port":          {[]string{"--name", "m1", "--initial-cluster", "m1=http://a"}, "m1"},
		"a path":           {[]string{"--name", "m1", "--initial-cluster", "m1=http://a:1/x"}, "m1"},
		"spaces":           {[]string{"--name", "m1", "--initial-cluster", "m1=http://a:1, m2=http://b:1"}, "white space"},
		"empty cluster":    {[]string{"--name", "m1", "--initial-cluster", ","}, "empty"},
		"other advertised": {[]string{"--name", "m1", "--initial-cluster", "m1=http://a:1", "--initial-advertise-peer-urls", "http://b:1"}, "http://b:1"},
		"empty name flag":  {[]string{"--name", "", "--initial-cluster", "m1=http://a:1"}, "--name"},
		"bad version":      {[]string{"--target-version", "3.3"}, "3.3"},
		"with output-dir":  {[]string{"--output-dir", dir}, "--all-members"},
		"all and data-dir": {[]string{"--all-members", "--data-dir", dir}, "--output-dir"},
		"all and name":     {[]string{"--all-members", "--name", "m1"}, "--name"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			args := []string{"restore", file}
			if !strings.Contains(strings.Join(tc.args, " "), "-dir") {
				args = append(args, "--data-dir", filepath.Join(dir, "m"))
			}
			refused(t, run(t, append(args, tc.args...)...), 2, tc.want)
		})
	}
	t.Cleanup(func() { holds(t, dir) })
}

// withUsers adds so many users, alarms and members that their buckets take pages
// of their own.
func withUsers(t *testing.T, file string) string {
	t.Helper()
	return rewrite(t, file, true, func(tx *bbolt.Tx) error {
		for _, name := range []string{schema.AuthUsersBucket, schema.AuthRolesBucket, schema.MembersRemovedBucket, schema.AlarmBucket} {
			for i := range 200 {
				key := fmt.Appendf(nil, "%016x", i)
				if name == schema.AlarmBucket {
					key = []byte{8, byte(i + 1), 16, 1} // AlarmMember{MemberID, NOSPACE}
					if i >= 127 {
						break
					}
				}
				if err := tx.Bucket([]byte(name)).Put(key, []byte("removed")); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// Many members fill pages of their own in the db. They are the same bytes
// whether restored in one run or each alone.
func TestManyMembersAreTheSameEverywhere(t *testing.T) {
	t.Parallel()
	var pairs []string
	for i := range 9 {
		pairs = append(pairs, fmt.Sprintf("member-%d=https://member-%d.example.com:2380", i, i))
	}
	dir := t.TempDir()
	decided := []string{
		kubernetesSnapshot(t), "--initial-cluster", strings.Join(pairs, ","), "--initial-cluster-token", "t",
		"--bump-revision", "5", "--mark-compacted",
	}
	for _, extra := range [][]string{nil, {"--compact"}} {
		all := filepath.Join(dir, fmt.Sprint("all", len(extra)))
		args := append(slices.Clone(decided), extra...)
		restored(t, append(slices.Clone(args), "--all-members", "--output-dir", all)...)
		want := read(t, filepath.Join(all, "member-0.etcd/member/snap/db"))
		for i := range 9 {
			name := fmt.Sprintf("member-%d", i)
			alone := filepath.Join(dir, fmt.Sprint("alone", i, len(extra)))
			restored(t, append(slices.Clone(args), "--name", name, "--data-dir", alone)...)
			for _, made := range []string{alone, filepath.Join(all, name+".etcd")} {
				if !bytes.Equal(want, read(t, filepath.Join(made, "member/snap/db"))) {
					t.Errorf("%v: the db in %s is another", extra, made)
				}
			}
		}
		got := run(t, "verify", filepath.Join(all, "member-8.etcd/member/snap/db"))
		succeeded(t, got)
	}
}

// A dry run says what would be done, and does nothing.
func TestRestoreDryRun(t *testing.T) {
	t.Parallel()
	file, dir := kubernetesSnapshot(t), t.TempDir()
	untouched(t, file, dir)
	args := []string{
		file, "--dry-run", "--all-members", "--output-dir", filepath.Join(dir, "new"), "--initial-cluster", initialCluster3,
		"--learner", "m3", "--seen-revision", "4321",
	}
	plan := restored(t, args...)
	if !plan.DryRun || len(plan.Members) != 3 || len(plan.Snapshot.SHA256) != 64 || !plan.Snapshot.Kubernetes || len(plan.Notes) == 0 {
		t.Errorf("%+v", plan)
	}
	for _, m := range plan.Members {
		if m.DataDir != filepath.Join(dir, "new", m.Name+".etcd") || m.Size != plan.Snapshot.Size || len(m.ID) < 10 ||
			m.Learner != (m.Name == "m3") || len(m.PeerURLs) != 1 {
			t.Errorf("%+v", m)
		}
	}
	if rev := plan.Revision; rev.SnapshotRevision != 125 || rev.HighestRevision != 4321 || rev.HighestFrom != "--seen-revision" || rev.Restored < 1<<50 {
		t.Errorf("%+v", rev)
	}
	if s := plan.Space; len(s) != 1 || s[0].Dir != dir || s[0].Need < plan.Snapshot.Size || s[0].Free < s[0].Need {
		t.Errorf("%+v", s)
	}
	text := run(t, append([]string{"restore"}, args...)...)
	succeeded(t, text)
	for _, want := range []string{
		"Would restore " + file, filepath.Join(dir, "new", "m2.etcd"), "m3 (learner)", "4321", "space", "free in " + dir, "nothing was changed", "token",
	} {
		if !strings.Contains(text.out, want) {
			t.Errorf("lacks %q:\n%s", want, text.out)
		}
	}
}
