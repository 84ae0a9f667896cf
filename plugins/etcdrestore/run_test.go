package etcdrestore_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/etcd-restore/etcd-restore/plugins/etcdrestore"
	"github.com/etcd-restore/etcd-restore/test/schematest"
)

// transcript is what a command line printed and how it ended.
type transcript struct {
	code     int
	out, err string
}

func run(t *testing.T, args ...string) transcript {
	t.Helper()
	var out, stderr bytes.Buffer
	code := etcdrestore.Run(t.Context(), etcdrestore.Streams{In: strings.NewReader(""), Out: &out, ErrOut: &stderr}, args)
	requireSchema(t, out.String())
	return transcript{code, out.String(), stderr.String()}
}

// requireSchema compares a result in JSON, in whatever test, with what users are told of it.
func requireSchema(t *testing.T, text string) {
	t.Helper()
	var is etcdrestore.TypeMeta
	if err := json.Unmarshal([]byte(text), &is); err != nil || is.APIVersion != "etcd-restore/v1" || etcdrestore.Results()[is.Kind] == nil {
		return
	}
	schematest.Require(t, is.Kind, text)
}

// checkPage wants a text to fit a serial console, and not to drive it.
func checkPage(t *testing.T, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if n := utf8.RuneCountInString(line); n > 80 && !strings.HasPrefix(line, "  mv -n ") && !strings.HasPrefix(line, "  crictl ") && !strings.Contains(line, " node ") {
			t.Errorf("%d columns: %s", n, line)
		}
		if i := strings.IndexFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
			t.Errorf("a terminal obeys %q", line)
		}
	}
}

func TestUsageErrors(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		args []string
		want string // in the error
		hint string
	}{
		"unknown verb":         {[]string{"explode"}, `unknown command "explode"`, "--help"},
		"misspelt group":       {[]string{"nod"}, `unknown command "nod"`, `did you mean "node"?`},
		"misspelt verb":        {[]string{"node", "statsu"}, `unknown command "statsu"`, `did you mean "status"?`},
		"unknown flag":         {[]string{"node", "save", "f", "--fsat"}, "--fsat", "node save --help"},
		"missing argument":     {[]string{"node", "save"}, "FILE is missing", "node save --help"},
		"too many arguments":   {[]string{"node", "save", "a", "b"}, "one FILE expected", "node save --help"},
		"unknown format":       {[]string{"version", "-o", "table"}, "json, yaml", "--help"},
		"unknown progress":     {[]string{"node", "save", "f", "--progress", "fancy"}, "auto, bar, plain", "--help"},
		"argument to status":   {[]string{"node", "status", "now"}, "no argument expected", "--help"},
		"unknown source":       {[]string{"node", "save", "f", "--from", "heaven"}, "live or data-dir", "--help"},
		"unknown tail":         {[]string{"node", "save", "f", "--tail", "cut"}, "include or committed", "--help"},
		"tail of a live one":   {[]string{"node", "save", "f", "--from", "live", "--tail", "include"}, "for a salvage", "--help"},
		"a salvage by force":   {[]string{"node", "save", "f", "--from", "data-dir", "--force"}, "replaces no file", "--help"},
		"too many runs":        {[]string{"node", "runs", "a", "b"}, "one RUN expected", "--help"},
		"save into a folder":   {[]string{"node", "save", "."}, "", ""},
		"run that never was":   {[]string{"node", "runs", "x", "--rootfs", "/nonexistent"}, "no such run", "node runs"},
		"flag of the API":      {[]string{"version", "--kubeconfig"}, "--kubeconfig", "--help"},
		"save, no such folder": {[]string{"node", "save", "/nonexistent/x.db"}, "/nonexistent", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := run(t, tc.args...)
			if got.code != 2 || got.out != "" || !strings.HasPrefix(got.err, "error: ") ||
				!strings.Contains(got.err, tc.want) || !strings.Contains(got.err, tc.hint) {
				t.Errorf("%+v", got)
			}
		})
	}
}

// What a plan has decided cannot be decided again.
func TestPlanAndFlags(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	plan, snapshot := filepath.Join(dir, "plan.json"), filepath.Join(dir, "snapshot.db")
	for path, text := range map[string]string{plan: "{\n  \"apiVersion\": \"etcd-restore/v1\"\n}\n", snapshot: strings.Repeat("x", 100)} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, args := range map[string][]string{
		"another member":            {plan, "--member", "cp2=https://10.0.0.2:2380"},
		"a member that is gone":     {plan, "--assert-destroyed", "cp2"},
		"another mode":              {plan, "--data-dir-mode", "manifest"},
		"no hash":                   {plan, "--skip-hash-check"},
		"a snapshot for a snapshot": {snapshot, "--snapshot", snapshot},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := run(t, append([]string{"node", "run", "--yes", "--state-dir", filepath.Join(dir, "runs")}, args...)...)
			if got.code != 2 || got.out != "" || !strings.Contains(got.err, "plan") {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestErrorsInJSON(t *testing.T) {
	t.Parallel()
	got := run(t, "node", "save", "-o", "json")
	var object struct {
		MessageType string `json:"message_type"`
		Message     string
		Hint        string
		Code        int
	}
	if err := json.Unmarshal([]byte(got.err), &object); err != nil {
		t.Fatalf("%v: %q", err, got.err)
	}
	if object.Code != 2 || got.code != 2 || object.Message == "" || object.Hint == "" || object.MessageType != "exit_error" {
		t.Errorf("%+v", object)
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		args        []string
		has, hasNot []string
	}{
		"root":   {[]string{"--help"}, []string{"node", "version", "EXIT STATUS", "130  interrupted", "--output"}, []string{"--kubeconfig"}},
		"node":   {[]string{"node"}, []string{"status", "save", "runs", "--rootfs"}, []string{"--kubeconfig"}},
		"status": {[]string{"node", "status", "--help"}, []string{"EXIT STATUS", "Examples:", "-o json"}, []string{"--context"}},
		"save":   {[]string{"node", "save", "-h"}, []string{"--from SOURCE", "--tail WHAT", "--force", "EXIT STATUS"}, []string{"--context"}},
		"runs":   {[]string{"node", "runs", "-h"}, []string{"Examples:", "EXIT STATUS"}, []string{"--context"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := run(t, tc.args...)
			if got.code != 0 || got.err != "" {
				t.Fatalf("%+v", got)
			}
			for _, s := range tc.has {
				if !strings.Contains(got.out, s) {
					t.Errorf("no %q in\n%s", s, got.out)
				}
			}
			for _, s := range tc.hasNot {
				if strings.Contains(got.out, s) {
					t.Errorf("%q in\n%s", s, got.out)
				}
			}
			for line := range strings.Lines(got.out) {
				if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 && !strings.HasPrefix(line, "Use ") {
					t.Errorf("%d columns: %s", n, line)
				}
			}
		})
	}
}

// kubectl's flags are taken wherever they stand behind the plugin's name.
func TestFlagsOfKubectl(t *testing.T) {
	t.Parallel()
	got := run(t, "version", "--context", "none", "--kubeconfig", "/nonexistent", "-o", "json")
	var v struct{ APIVersion, Kind, GoVersion string }
	if err := json.Unmarshal([]byte(got.out), &v); err != nil || got.code != 0 {
		t.Fatalf("%v, %+v", err, got)
	}
	if v.APIVersion != "etcd-restore/v1" || v.Kind != "Version" || v.GoVersion == "" {
		t.Errorf("%+v", v)
	}
	if got := run(t, "version", "-o", "yaml"); !strings.HasPrefix(got.out, "apiVersion: etcd-restore/v1\n") {
		t.Errorf("%+v", got)
	}
}

func TestCompletion(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"verbs":   {[]string{"__complete", "node", ""}, "status\t"},
		"formats": {[]string{"__complete", "node", "status", "-o", ""}, "json\nyaml\n"},
		"sources": {[]string{"__complete", "node", "save", "--from", ""}, "live\ndata-dir\n"},
		"script":  {[]string{"completion", "bash"}, "__complete"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := run(t, tc.args...); got.code != 0 || !strings.Contains(got.out, tc.want) {
				t.Errorf("%+v", got)
			}
		})
	}
}

// A pipe that nobody writes to is not waited for.
func TestRunPipe(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := run(t, "node", "run", pipe, "--state-dir", filepath.Join(dir, "runs")); got.code == 0 || !strings.HasPrefix(got.err, "error: ") {
		t.Errorf("%+v", got)
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestNoReport(t *testing.T) {
	t.Parallel()
	var stderr bytes.Buffer
	code := etcdrestore.Run(t.Context(), etcdrestore.Streams{In: strings.NewReader(""), Out: brokenPipe{}, ErrOut: &stderr}, []string{"version"})
	if code != 1 || !strings.Contains(stderr.String(), "broken pipe") {
		t.Errorf("%d: %s", code, stderr.String())
	}
}
