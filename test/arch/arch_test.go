package arch

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func load(t *testing.T) Graph {
	t.Helper()
	g, err := Load(t.Context(), filepath.Join("..", ".."), "./...")
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestImports(t *testing.T) {
	t.Parallel()
	for _, finding := range CheckImports(load(t), Module, Table()) {
		t.Error(finding)
	}
}

func TestLinks(t *testing.T) {
	t.Parallel()
	program := Module + "/cmd/etcdctl-snapshot-x"
	g := load(t)
	if g[program] == nil {
		t.Fatalf("%s does not exist", program)
	}
	for _, finding := range CheckLinks(g, program, kubernetesFree()) {
		t.Error(finding)
	}
}

func TestSource(t *testing.T) {
	t.Parallel()
	for path, p := range load(t) {
		name, inside := strings.CutPrefix(path, Module+"/")
		if !inside {
			continue
		}
		findings, err := CheckSource(p, Library(strings.HasPrefix(name, "pkg/")))
		if err != nil {
			t.Error(err)
		}
		for _, finding := range findings {
			t.Error(finding)
		}
	}
}

// A main is a stub: a signal context, the streams and one exit.
func TestMainsAreStubs(t *testing.T) {
	t.Parallel()
	const most = 20
	mains, err := filepath.Glob(filepath.Join("..", "..", "cmd", "*", "*.go"))
	if err != nil || len(mains) == 0 {
		t.Fatalf("no commands found: %v", err)
	}
	for _, path := range mains {
		source, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if lines := bytes.Count(source, []byte("\n")); filepath.Base(path) != "main.go" || lines > most {
			t.Errorf("%s has %d lines: a command is one main.go of at most %d\n\tinstead: put it into plugins/", path, lines, most)
		}
	}
}
