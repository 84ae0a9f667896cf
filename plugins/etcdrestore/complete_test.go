package etcdrestore_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// testComplete asks as a shell does what may follow in the lines of the verbs that look
// into a snapshot.
func testComplete(t *testing.T, file string) {
	const files, nothing = ":0", ":4"
	for line, want := range map[string]string{
		"ls |":                               files,
		"ls FILE widg|":                      "widgets " + ":6",
		"ls FILE po,dep|":                    "po,deployments " + ":6",
		"ls FILE pods,pods|":                 ":6", // twice the same
		"ls FILE pods x|":                    nothing,
		"get |":                              files,
		"get FILE pods web|":                 "web-1-a " + nothing,
		"get FILE pods for|":                 nothing, // what no object can be called
		"get FILE wd/|":                      "wd/small " + nothing,
		"get FILE wd/small x|":               nothing,
		"get FILE pods x y|":                 nothing,
		"undo FILE repl|":                    "replicasets " + nothing,
		"undo FILE po/web|":                  "po/web-1-a " + nothing,
		"undo FILE po/web-1-a deployments/|": "deployments/web " + nothing,
		"diff FILE |":                        files,
		"diff FILE FILE depl|":               "deployments " + nothing,
		"diff --live FILE depl|":             "deployments " + nothing,
		"ls FILE pods -n sh|":                "shop " + nothing,
		"get FILE po --namespace kube-sys|":  nothing, // there is no object of that name
		"ls missing.db |":                    ":6",
		"get missing.db |":                   nothing,
		"get FILE nosuch x|":                 nothing,
		"get FILE pods web| -n kube-system":  "web-1-a " + nothing,
		"get FILE pods bro| -n kube-system":  nothing,
		"get FILE pods bro| -n shop":         "broken " + nothing,
	} {
		before, after, _ := strings.Cut(line, "|")
		begun := before[strings.LastIndex(before, " ")+1:]
		got := run(t, append([]string{"__complete"}, reorder(before, after, begun, file)...)...)
		var offered []string
		for _, l := range strings.Split(strings.TrimSpace(got.out), "\n") {
			if word, _, _ := strings.Cut(l, "\t"); strings.HasPrefix(word, begun) || strings.HasPrefix(word, ":") {
				offered = append(offered, word)
			}
		}
		if have := strings.Join(offered, " "); got.code != 0 || have != want {
			t.Errorf("%s: %s, want %s (%d)", line, have, want, got.code)
		}
	}
}

// reorder are the words of a line, the flags behind its cursor first: cobra completes the
// last word.
func reorder(before, after, begun, file string) []string {
	words := strings.Fields(strings.TrimSuffix(before, begun))
	words = append(append(words[:1:1], strings.Fields(after)...), words[1:]...)
	for i, w := range words {
		if w == "FILE" {
			words[i] = file
		}
	}
	return append(words, begun)
}

// hangs is a kubeconfig whose program for credentials takes longer than anybody waits.
func hangs(t *testing.T) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "kubeconfig")
	text := `{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: k, user: u}}], clusters: [{name: k, cluster: {server: 'https://127.0.0.1:1'}}],
		users: [{name: u, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: sleep, args: ['20'], interactiveMode: Never}}}]}`
	must(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

// testHangs wants an answer of the verbs that need an API server.
func testHangs(t *testing.T, file string) {
	for _, args := range []string{"diff FILE --live", "undo FILE cm -n shop"} {
		got := run(t, append(strings.Fields(strings.ReplaceAll(args, "FILE", file)), "--kubeconfig", hangs(t))...)
		if got.code != 1 || !strings.Contains(got.err, "does not answer within") {
			t.Errorf("%s: %+v", args, got)
		}
	}
}

// What a cluster has is offered without a trace on it, and never by waiting for long.
func TestCompleteCluster(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	t.Run("nodes of ssh", func(t *testing.T) {
		t.Parallel()
		for _, line := range []string{"rejoin --ssh root@cp1 --ssh ssh://root@cp2:22 |", "plan --ssh root@cp1 --ssh cp2 --exclude-node |", "save --ssh cp1 --ssh cp2 --from |"} {
			args := strings.Fields(strings.TrimSuffix(line, "|"))
			if got := run(t, append(append([]string{"__complete"}, args...), "")...); got.out != "cp1\ncp2\n:4\n" {
				t.Errorf("%s: %+v", line, got)
			}
		}
	})
	t.Run("a kubeconfig that hangs", func(t *testing.T) {
		t.Parallel()
		config := hangs(t)
		begun := time.Now()
		for _, line := range []string{"rejoin", "check", "plan --members"} {
			args := append(append([]string{"__complete"}, strings.Fields(line)...), "--kubeconfig", config, "")
			if strings.HasPrefix(line, "plan") {
				args = []string{"__complete", "plan", "--kubeconfig", config, "--members", ""}
			}
			if got := run(t, args...); !strings.HasSuffix(got.out, ":4\n") && !strings.HasSuffix(got.out, ":6\n") || strings.Count(got.out, "\n") != 1 {
				t.Errorf("%s: %+v", line, got)
			}
		}
		if took := time.Since(begun); took > 30*time.Second {
			t.Errorf("it took %s", took)
		}
	})
	t.Run("no way", func(t *testing.T) {
		t.Parallel()
		for _, line := range []string{"rejoin", "resume --ssh root@127.0.0.1:1", "prune --ssh -oProxyCommand=x", "rollback --local"} {
			args := append(append([]string{"__complete"}, strings.Fields(line)...), "--kubeconfig", filepath.Join(dir, "none"), "")
			if got := run(t, args...); got.out != ":4\n" || got.code != 0 {
				t.Errorf("%s: %+v", line, got)
			}
		}
	})
}
