package snapshotx_test

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const initialCluster3 = "m1=http://10.0.0.1:2380,m2=http://10.0.0.2:2380,m3=http://10.0.0.3:2380"

// Invariant I2, on disk: a kill keeps the page cache and so says nothing of what
// a power cut would leave. The system calls do: every file and every directory is
// synced after its last change and before the rename that publishes it, and the
// directory of the new name is synced after.
func TestEverythingIsSyncedBeforeItIsPublished(t *testing.T) {
	t.Parallel()
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("SKIP sync order: strace is not installed (apt-get install strace)")
	}
	for name, tc := range map[string]struct {
		dirs []string // that exist
		args []string
		want []string // what gets its final name, in order
	}{
		"absent target":        {nil, []string{"--data-dir", "DIR/m"}, []string{"m"}},
		"existing target":      {[]string{"m"}, []string{"--data-dir", "DIR/m"}, []string{"m/member"}},
		"separate log":         {nil, []string{"--data-dir", "DIR/m", "--wal-dir", "DIR/w"}, []string{"w", "m"}},
		"existing log":         {[]string{"w"}, []string{"--data-dir", "DIR/m", "--wal-dir", "DIR/w"}, []string{"w/" + firstSegment, "m"}},
		"compact":              {nil, []string{"--data-dir", "DIR/m", "--compact"}, []string{"m"}},
		"all, new parent":      {nil, []string{"--all-members", "--output-dir", "DIR/new", "--initial-cluster", initialCluster3}, []string{"new"}},
		"all, parent stands":   {nil, []string{"--all-members", "--output-dir", "DIR", "--initial-cluster", initialCluster3}, []string{"m1.etcd", "m2.etcd", "m3.etcd"}},
		"all, compact, stands": {nil, []string{"--all-members", "--output-dir", "DIR", "--initial-cluster", initialCluster3, "--compact"}, []string{"m1.etcd", "m2.etcd", "m3.etcd"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, file := t.TempDir(), kubernetesSnapshot(t)
			for _, d := range tc.dirs {
				if err := os.Mkdir(filepath.Join(dir, d), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			log := filepath.Join(t.TempDir(), "trace")
			args := []string{
				"-f", "-y", "-s", "0", "-o", log, "-e",
				"trace=fsync,fdatasync,rename,renameat,renameat2,openat,mkdirat,mkdir,write,pwrite64,ftruncate,ioctl,copy_file_range",
				theCommand(t), "restore", file,
			}
			for _, a := range tc.args {
				args = append(args, strings.ReplaceAll(a, "DIR", dir))
			}
			if out, err := exec.CommandContext(t.Context(), strace, args...).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			text, err := os.ReadFile(log)
			if err != nil {
				t.Fatal(err)
			}
			trace := parseTrace(string(text))
			for _, p := range trace.problems {
				t.Error(p)
			}
			checkPublished(t, trace, dir, tc.want)
		})
	}
}

const firstSegment = "0000000000000000-0000000000000000.wal"

// checkPublished checks that the trace speaks of all that now stands: so its
// silence about a file is no reason to believe that the file is on disk.
func checkPublished(t *testing.T, trace *syscallTrace, dir string, want []string) {
	t.Helper()
	var wants []string
	for _, name := range want {
		wants = append(wants, filepath.Join(dir, name))
	}
	got := slices.Clone(trace.renames)
	if strings.HasSuffix(wants[0], "m1.etcd") { // members have no order among them
		slices.Sort(got)
	}
	if !slices.Equal(got, wants) {
		t.Errorf("published %q, want %q", got, wants)
	}
	files := 0
	for _, root := range wants {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if !trace.synced[path] {
				t.Errorf("%s stands, but the trace does not say that it was synced", path)
			}
			files++
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
	if files < 5 {
		t.Errorf("only %d files and directories stand", files)
	}
}

// A trace that shows a mistake must be seen as one.
func TestTraceCheckerFindsMistakes(t *testing.T) {
	t.Parallel()
	const part = "/x/m.part-0123456789abcdef"
	lines := []string{
		`7 mkdirat(AT_FDCWD</x>, "` + part + `", 0700) = 0`,
		`7 openat(AT_FDCWD</x>, "` + part + `/db", O_RDWR|O_CREAT|O_EXCL, 0600) = 9<` + part + `/db>`,
		`8 write(9<` + part + `/db>, ""..., 10) = 10`,
		`7 pwrite64(11<` + part + `/db>, ""..., 64, 16) = 64`,
		`7 fsync(9<` + part + `/db> <unfinished ...>`,
		`8 write(7<anon_inode:[eventfd]>, ""..., 8) = 8`,
		`7 <... fsync resumed>) = 0`,
		`7 fsync(11<` + part + `>) = 0`,
		`7 renameat2(AT_FDCWD</x>, "` + part + `", AT_FDCWD</x>, "/x/m", RENAME_NOREPLACE) = 0`,
		`7 fsync(9</x>) = 0`,
	}
	if got := parseTrace(strings.Join(lines, "\n")); len(got.problems) > 0 || !got.synced["/x/m/db"] || len(got.renames) != 1 {
		t.Fatalf("a trace without a mistake: %+v", got)
	}
	move := func(from, to int) func([]string) []string {
		return func(l []string) []string { return slices.Insert(slices.Delete(l, from, from+1), to, lines[from]) }
	}
	drop := func(from, to int) func([]string) []string {
		return func(l []string) []string { return slices.Delete(l, from, to) }
	}
	for name, doctor := range map[string]func([]string) []string{
		"file not synced":             drop(4, 7),
		"file written while synced":   move(3, 5),
		"file written after the sync": move(2, 7),
		"directory not synced":        drop(7, 8),
		"directory synced too late":   move(7, 8),
		"parent not synced":           drop(9, 10),
		"parent synced too early":     move(9, 8),
		"sync failed": func(l []string) []string {
			l[6] = `7 <... fsync resumed>) = -1 EIO (Input/output error)`
			return l
		},
		"created after the directory's sync": func(l []string) []string {
			return slices.Insert(l, 8, fmt.Sprintf(`7 mkdirat(AT_FDCWD</x>, "%s/late", 0700) = 0`, part))
		},
		"not a part": func(l []string) []string {
			l[8] = `7 renameat(AT_FDCWD</x>, "/x/other", AT_FDCWD</x>, "/x/m") = 0`
			return l
		},
	} {
		if got := parseTrace(strings.Join(doctor(slices.Clone(lines)), "\n")); len(got.problems) == 0 {
			t.Errorf("%s: not found", name)
		}
	}
}
