//go:build release

package release

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// installWithDpkg installs both packages below a folder, with dpkg and a database of its
// own, and uses what is there.
func installWithDpkg(t *testing.T, dist string) {
	root := t.TempDir()
	for _, dir := range []string{"info", "updates", "triggers"} {
		if err := os.MkdirAll(filepath.Join(root, "var/lib/dpkg", dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"status", "available"} {
		if err := os.WriteFile(filepath.Join(root, "var/lib/dpkg", file), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	sbin := []string{"PATH=" + os.Getenv("PATH") + ":/usr/sbin:/sbin"} // where dpkg wants to find ldconfig
	for pkg, program := range map[string]string{"kubectl-etcd-restore": "kubectl-etcd_restore", "etcdctl-snapshot-x": "etcdctl-snapshot-x"} {
		run(t, root, sbin, "dpkg", "--root="+root, "--force-not-root", "--log=/dev/null", "--install", filepath.Join(dist, deb(pkg, runtime.GOARCH)))
		if status := run(t, root, nil, "dpkg-query", "--admindir="+root+"/var/lib/dpkg", "--show", "--showformat=${Status} ${Version}", pkg); status != "install ok installed "+version {
			t.Errorf("%s: %s", pkg, status)
		}
		requireVersion(t, run(t, root, nil, root+"/usr/bin/"+program, "version"))
		requireBash(t, root, program)
		requireShare(t, root, program, pkg)
	}
	env := []string{"PATH=" + root + "/usr/bin:" + os.Getenv("PATH")}
	if said := run(t, root, env, "kubectl", "__complete", "etcd-restore", "roll"); !strings.Contains(said, "rollback") {
		t.Errorf("kubectl completes with %q", said)
	}
}

// requireBash has bash load the completion and say what it completes.
func requireBash(t *testing.T, root, program string) {
	t.Helper()
	script := `source "$1" && complete -p "$2"`
	said := run(t, root, nil, "bash", "--norc", "-c", script, "bash", root+"/usr/share/bash-completion/completions/"+program, program)
	if !strings.Contains(said, "-F __start_"+program) {
		t.Errorf("bash: %q", said)
	}
}

// requireShare wants the completions of the other shells, the licence, and manual pages
// of which man can show the first and the last.
func requireShare(t *testing.T, root, program, pkg string) {
	t.Helper()
	for file, text := range map[string]string{
		"zsh/vendor-completions/_" + program:             "#compdef " + program,
		"fish/vendor_completions.d/" + program + ".fish": "complete -c " + program,
		"doc/" + pkg + "/copyright":                      "Apache License",
	} {
		if !strings.Contains(string(read(t, root, "usr/share", file)), text) {
			t.Errorf("%s says nothing of %q", file, text)
		}
	}
	pages, err := filepath.Glob(root + "/usr/share/man/man1/" + pkg + "*.1.gz")
	if err != nil || len(pages) < 5 {
		t.Fatalf("pages of %s: %v, %v", pkg, pages, err)
	}
	for _, page := range []string{pages[0], pages[len(pages)-1]} { // one program wrote them all
		shown := run(t, root, []string{"MANPAGER=cat", "PAGER=cat", "LC_ALL=C", "MANWIDTH=80"}, "man", "--local-file", page)
		if !strings.Contains(shown, "SYNOPSIS") {
			t.Errorf("%s shows\n%.300s", page, shown)
		}
	}
}
