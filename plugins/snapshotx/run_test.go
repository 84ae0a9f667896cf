package snapshotx_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/etcd-restore/etcd-restore/plugins/snapshotx"
	"github.com/etcd-restore/etcd-restore/test/schematest"
)

// transcript is what a command line printed and how it ended.
type transcript struct {
	code     int
	out, err string
}

func run(t *testing.T, args ...string) transcript {
	t.Helper()
	got := runWith(t.Context(), nil, args...)
	_, elsewhere := os.Stat("../../docs/schemas") // some tests go to another directory
	if elsewhere == nil && len(args) > 0 && snapshotx.Results()[args[0]] != nil && strings.HasPrefix(got.out, "{") {
		schematest.Require(t, "snapshot-x-"+args[0], got.out) // what users are told of it
	}
	return got
}

// runWith calls onLine, if any, with each write to stderr.
func runWith(ctx context.Context, onLine func(string), args ...string) transcript {
	var out bytes.Buffer
	stderr := &watched{onWrite: onLine}
	code := snapshotx.Run(ctx, snapshotx.Streams{In: strings.NewReader(""), Out: &out, ErrOut: stderr}, args)
	return transcript{code, out.String(), stderr.buffer.String()}
}

// watched is a stderr that a test can react to.
type watched struct {
	mu      sync.Mutex
	buffer  bytes.Buffer
	onWrite func(string)
}

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.onWrite != nil {
		w.onWrite(string(p))
	}
	return w.buffer.Write(p)
}

func TestUsageErrors(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		args []string
		want string // in the error
		hint string
	}{
		"unknown verb":           {[]string{"explode"}, `unknown command "explode"`, "--help"},
		"misspelt verb":          {[]string{"svae"}, `unknown command "svae"`, `did you mean "save"?`},
		"no prefix matching":     {[]string{"sav", "f"}, `unknown command "sav"`, `did you mean "save"?`},
		"unknown flag":           {[]string{"save", "f", "--fsat"}, "--fsat", "save --help"},
		"missing argument":       {[]string{"save"}, "FILE is missing", "save --help"},
		"too many arguments":     {[]string{"save", "a", "b"}, "one FILE expected", "save --help"},
		"unknown format":         {[]string{"version", "-w", "yaml"}, "simple, table, json, fields", "--help"},
		"unknown progress":       {[]string{"save", "f", "--progress", "fancy"}, "auto, bar, plain", "--help"},
		"bad duration":           {[]string{"save", "f", "--stall-timeout", "soon"}, "--stall-timeout", "--help"},
		"no stall timeout":       {[]string{"save", "f", "--stall-timeout", "0s"}, "must be positive", "--help"},
		"argument to version":    {[]string{"version", "now"}, "no argument expected", "--help"},
		"a directory as a file":  {[]string{"save", os.TempDir(), "--endpoints", "127.0.0.1:1"}, "", ""},
		"password, no terminal":  {[]string{"save", "f", "--user", "root"}, "no terminal", "ETCDCTL_PASSWORD"},
		"nobody to ask (spaces)": {[]string{"save", "f", "--endpoints", " , "}, "--endpoints names none", "client URLs"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := run(t, tc.args...)
			if got.code == 0 || got.out != "" || !strings.HasPrefix(got.err, "error: ") ||
				!strings.Contains(got.err, tc.want) || !strings.Contains(got.err, tc.hint) {
				t.Errorf("%+v", got)
			}
			if tc.hint != "" && got.code != 2 {
				t.Errorf("exit code %d, want 2", got.code)
			}
		})
	}
}

func TestErrorsInJSON(t *testing.T) {
	t.Parallel()
	got := run(t, "save", "-w", "json")
	var object struct {
		MessageType, Message, Hint string
		Code                       int
	}
	if err := json.Unmarshal([]byte(strings.ReplaceAll(got.err, "message_type", "MessageType")), &object); err != nil {
		t.Fatalf("%v: %q", err, got.err)
	}
	if object.Code != 2 || got.code != 2 || object.Message == "" || object.Hint == "" || object.MessageType != "exit_error" {
		t.Errorf("%+v", object)
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		args   []string
		has    []string
		hasNot []string
	}{
		"root": {nil, []string{"save", "version", "EXIT STATUS", "130  interrupted", "--write-out"}, []string{"--cacert"}},
		"save": {[]string{"save", "--help"}, []string{"--cacert", "--endpoints", "--force", "EXIT STATUS", "Examples:"}, nil},
		"revision": {
			[]string{"revision", "--help"},
			[]string{"--cacert", "--for SNAPSHOT", "--seen-revision N", "EXIT STATUS", "Examples:"},
			nil,
		},
		"version": {[]string{"version", "--help"}, []string{"--write-out"}, []string{"--cacert"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := run(t, tc.args...)
			if got.code != 0 || got.err != "" {
				t.Fatalf("%+v", got)
			}
			for _, text := range tc.has {
				if !strings.Contains(got.out, text) {
					t.Errorf("lacks %q:\n%s", text, got.out)
				}
			}
			for _, text := range tc.hasNot {
				if strings.Contains(got.out, text) {
					t.Errorf("has %q:\n%s", text, got.out)
				}
			}
			for line := range strings.Lines(got.out) {
				if len(line) > 115 {
					t.Errorf("a line of %d columns: %s", len(line), line)
				}
			}
		})
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	if got := run(t, "version"); got.code != 0 || !strings.HasPrefix(got.out, "etcdctl-snapshot-x ") {
		t.Errorf("%+v", got)
	}
	var v struct{ Version, GoVersion, Platform string }
	if got := run(t, "version", "-w", "json"); json.Unmarshal([]byte(got.out), &v) != nil ||
		v.Version == "" || !strings.HasPrefix(v.GoVersion, "go1.") || !strings.Contains(v.Platform, "/") {
		t.Errorf("%+v", got)
	}
}

func TestCompletion(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ args, want string }{
		{"__complete sa", "save\t"},
		{"__complete save f -w ", "json\n"},
		{"__complete save f --progress ", "plain\n"},
		{"completion bash", "__start_etcdctl-snapshot-x"},
	} {
		args := strings.Split(tc.args, " ")
		if got := run(t, args...); got.code != 0 || !strings.Contains(got.out, tc.want) {
			t.Errorf("%s: lacks %q: %+v", tc.args, tc.want, got)
		}
	}
}

// Not parallel, as its subtests: they change the environment.
func TestEnvironment(t *testing.T) {
	unreachable := "127.0.0.1:1"
	t.Run("sets a flag", func(t *testing.T) {
		t.Setenv("ETCDCTL_ENDPOINTS", unreachable)
		if got := run(t, "save", filepath.Join(t.TempDir(), "s.db")); got.code != 1 || !strings.Contains(got.err, unreachable) {
			t.Errorf("%+v", got)
		}
	})
	t.Run("a flag wins", func(t *testing.T) {
		t.Setenv("ETCDCTL_ENDPOINTS", "127.0.0.1:2")
		got := run(t, "save", filepath.Join(t.TempDir(), "s.db"), "--endpoints", unreachable)
		if got.code != 1 || !strings.Contains(got.err, unreachable) {
			t.Errorf("%+v", got)
		}
	})
	t.Run("write-out", func(t *testing.T) {
		t.Setenv("ETCDCTL_WRITE_OUT", "json")
		if got := run(t, "version"); !strings.HasPrefix(got.out, "{") {
			t.Errorf("%+v", got)
		}
	})
	t.Run("names the wrong variable", func(t *testing.T) {
		t.Setenv("ETCDCTL_DIAL_TIMEOUT", "soon")
		if got := run(t, "version"); got.code != 2 || !strings.Contains(got.err, "ETCDCTL_DIAL_TIMEOUT") {
			t.Errorf("%+v", got)
		}
	})
	t.Run("others are none of our business", func(t *testing.T) {
		t.Setenv("ETCDCTL_API", "3")
		if got := run(t, "version"); got.code != 0 || got.err != "" {
			t.Errorf("%+v", got)
		}
	})
}
