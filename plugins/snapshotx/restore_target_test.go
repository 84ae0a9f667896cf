package snapshotx_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// What may stand at the target, and what happens to it (invariants I2 and I3).
func TestRestoreTargets(t *testing.T) {
	t.Parallel()
	file := kubernetesSnapshot(t)
	untouched(t, file)
	keep := func(t *testing.T, dir, name string) {
		t.Helper()
		mkdirAll(t, filepath.Join(dir, filepath.Dir(name)))
		content('x')(t, filepath.Join(dir, name))
	}
	link := func(t *testing.T, to, from string) {
		t.Helper()
		if err := os.Symlink(to, from); err != nil {
			t.Fatal(err)
		}
	}
	for name, tc := range map[string]struct {
		prepare func(t *testing.T, dir string)
		args    []string // DIR is replaced
		code    int
		want    string // in the error, or the db that stands then
	}{
		"absent":            {nil, []string{"--data-dir", "DIR/m"}, 0, "m/member/snap/db"},
		"empty":             {func(t *testing.T, d string) { mkdirAll(t, d+"/m") }, []string{"--data-dir", "DIR/m"}, 0, "m/member/snap/db"},
		"trailing slash":    {nil, []string{"--data-dir", "DIR/m/"}, 0, "m/member/snap/db"},
		"lost+found":        {func(t *testing.T, d string) { mkdirAll(t, d+"/m/lost+found") }, []string{"--data-dir", "DIR/m"}, 0, "m/member/snap/db"},
		"link to empty":     {func(t *testing.T, d string) { mkdirAll(t, d+"/r"); link(t, d+"/r", d+"/m") }, []string{"--data-dir", "DIR/m"}, 0, "r/member/snap/db"},
		"parent is a link":  {func(t *testing.T, d string) { mkdirAll(t, d+"/r"); link(t, d+"/r", d+"/l") }, []string{"--data-dir", "DIR/l/m"}, 0, "r/m/member/snap/db"},
		"spaces and globs":  {nil, []string{"--data-dir", "DIR/a b *?[x] 'q' $HOME\n%s"}, 0, "a b *?[x] 'q' $HOME\n%s/member/snap/db"},
		"dots":              {nil, []string{"--data-dir", "DIR/x/../m"}, 0, "m/member/snap/db"}, // as etcd cleans its --data-dir
		"name with a part":  {nil, []string{"--data-dir", "DIR/m.part-0123456789abcdef"}, 0, "m.part-0123456789abcdef/member/snap/db"},
		"not empty":         {func(t *testing.T, d string) { keep(t, d, "m/old") }, []string{"--data-dir", "DIR/m"}, 6, `holds "old"`},
		"hidden file":       {func(t *testing.T, d string) { keep(t, d, "m/.old") }, []string{"--data-dir", "DIR/m"}, 6, `holds ".old"`},
		"old data":          {func(t *testing.T, d string) { keep(t, d, "m/member/snap/db") }, []string{"--data-dir", "DIR/m"}, 6, `holds "member"`},
		"a file":            {func(t *testing.T, d string) { keep(t, d, "m") }, []string{"--data-dir", "DIR/m"}, 6, "is a file"},
		"dangling link":     {func(t *testing.T, d string) { link(t, d+"/gone", d+"/m") }, []string{"--data-dir", "DIR/m"}, 6, "symbolic link to nothing"},
		"link to itself":    {func(t *testing.T, d string) { link(t, d+"/m", d+"/m") }, []string{"--data-dir", "DIR/m"}, 1, "too many levels"},
		"no parent":         {nil, []string{"--data-dir", "DIR/no/m"}, 1, "no such file"},
		"parent is a file":  {func(t *testing.T, d string) { keep(t, d, "f") }, []string{"--data-dir", "DIR/f/m"}, 1, "f"},
		"too long":          {nil, []string{"--data-dir", "DIR/" + strings.Repeat("m", 256)}, 1, "file name too long"},
		"room for no part":  {nil, []string{"--data-dir", "DIR/" + strings.Repeat("m", 250)}, 1, "file name too long"},
		"log not empty":     {func(t *testing.T, d string) { keep(t, d, "w/0.wal") }, []string{"--data-dir", "DIR/m", "--wal-dir", "DIR/w"}, 6, `holds "0.wal"`},
		"log in data":       {nil, []string{"--data-dir", "DIR/m", "--wal-dir", "DIR/m/w"}, 2, "inside the data directory"},
		"log is data":       {nil, []string{"--data-dir", "DIR/m", "--wal-dir", "DIR/m"}, 2, "inside the data directory"},
		"data in log":       {nil, []string{"--data-dir", "DIR/w/m", "--wal-dir", "DIR/w"}, 2, "inside the WAL directory"},
		"log elsewhere":     {nil, []string{"--data-dir", "DIR/m", "--wal-dir", "DIR/w"}, 0, "m/member/snap/db"},
		"usual log":         {nil, []string{"--data-dir", "DIR/m", "--wal-dir", "DIR/m/member/wal"}, 0, "m/member/wal/" + firstSegment},
		"all, new":          {nil, []string{"--all-members", "--output-dir", "DIR/n", "--initial-cluster", initialCluster3}, 0, "n/m3.etcd/member/snap/db"},
		"all, new, no room": {nil, []string{"--all-members", "--output-dir", "DIR/n/o", "--initial-cluster", initialCluster3}, 1, "no such file"},
		"all, one taken":    {func(t *testing.T, d string) { keep(t, d, "m2.etcd/old") }, []string{"--all-members", "--output-dir", "DIR", "--initial-cluster", initialCluster3}, 6, `holds "old"`},
		"all, into a file":  {func(t *testing.T, d string) { keep(t, d, "f") }, []string{"--all-members", "--output-dir", "DIR/f", "--initial-cluster", initialCluster3}, 6, "is a file"},
		"all, odd names":    {nil, []string{"--all-members", "--output-dir", "DIR", "--initial-cluster", "../m1=http://10.0.0.1:2380"}, 2, "../m1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if tc.prepare != nil {
				tc.prepare(t, dir)
			}
			args := []string{"restore", file}
			for _, a := range tc.args {
				args = append(args, strings.ReplaceAll(a, "DIR", dir))
			}
			before := fingerprint(t, dir)
			dry := run(t, append(args, "--dry-run")...)
			sameAs(t, before, dir, "after --dry-run")
			got := run(t, args...)
			if tc.code != 0 {
				sameAs(t, before, dir, "after a refusal")
				refused(t, got, tc.code, tc.want)
				if tc.want != "" && !strings.Contains(tc.args[1], strings.Repeat("m", 250)) {
					refused(t, dry, tc.code, tc.want)
				}
				return
			}
			succeeded(t, dry)
			succeeded(t, got)
			if _, err := os.Stat(filepath.Join(dir, tc.want)); err != nil {
				t.Error(err)
			}
			refused(t, run(t, args...), 6, "not free")
		})
	}
}

func TestRestoreIntoARelativePath(t *testing.T) { // not parallel: changes the working directory
	file := kubernetesSnapshot(t)
	dir := t.TempDir()
	t.Chdir(dir)
	succeeded(t, run(t, "restore", file, "--name", "m1"))
	succeeded(t, run(t, "restore", file, "--name", "m2", "--data-dir", "./x", "--wal-dir", "y"))
	holds(t, dir, "m1.etcd", "x", "y")
	plan := restored(t, file, "--name", "m3", "--wal-dir", "z")
	if m := plan.Members[0]; m.DataDir != filepath.Join(dir, "m3.etcd") || m.WALDir != filepath.Join(dir, "z") {
		t.Errorf("%+v", m)
	}
	refused(t, run(t, "restore", file, "--name", "m1"), 6, filepath.Join(dir, "m1.etcd"))
}

// As a user who may not write there, and as one who may not read the snapshot.
func TestRestoreWithoutPermission(t *testing.T) {
	t.Parallel()
	needsRoot(t, "permissions")
	binary := theCommand(t)
	base := t.TempDir()
	if err := errors.Join(os.Chmod(filepath.Dir(base), 0o755), os.Chmod(base, 0o755)); err != nil {
		t.Fatal(err)
	}
	file, secret := filepath.Join(base, "snapshot.db"), filepath.Join(base, "secret.db")
	whole := read(t, kubernetesSnapshot(t))
	content(whole...)(t, file)
	content(whole...)(t, secret)
	closed, open := filepath.Join(base, "closed"), filepath.Join(base, "open")
	mkdirAll(t, closed)
	mkdirAll(t, filepath.Join(closed, "empty"))
	mkdirAll(t, open)
	if err := errors.Join(os.Chmod(file, 0o444), os.Chmod(open, 0o777)); err != nil {
		t.Fatal(err)
	}
	asNobody := func(args ...string) transcript {
		return execute(t, func(cmd *exec.Cmd) {
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
			cmd.Dir = "/"
		}, binary, args...)
	}
	before := fingerprint(t, base)
	refused(t, asNobody("restore", file, "--data-dir", closed+"/m"), 1, "permission denied")
	refused(t, asNobody("restore", file, "--data-dir", closed+"/empty"), 1, "permission denied")
	refused(t, asNobody("restore", file, "--all-members", "--output-dir", closed, "--initial-cluster", initialCluster3), 1, "permission denied")
	refused(t, asNobody("restore", secret, "--data-dir", open+"/m"), 1, "permission denied")
	sameAs(t, before, base, "after refusals")
	succeeded(t, asNobody("restore", file, "--data-dir", open+"/m"))
}

func needsRoot(t *testing.T, what string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skipf("SKIP %s: needs root", what)
	}
}

// execute runs a program to its end.
func execute(t *testing.T, change func(*exec.Cmd), name string, args ...string) transcript {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), name, args...)
	var out, errOut strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if change != nil {
		change(cmd)
	}
	if err := cmd.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		t.Fatal(err)
	}
	return transcript{cmd.ProcessState.ExitCode(), out.String(), errOut.String()}
}
