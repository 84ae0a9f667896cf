package arch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
)

// Package is what `go list` says about one package.
type Package struct {
	ImportPath string
	Dir        string
	GoFiles    []string
	Imports    []string
}

// Graph holds packages by import path.
type Graph map[string]*Package

// Load lists the packages that match patterns, and all they depend on, in the
// module of dir. Test files are not part of it.
func Load(ctx context.Context, dir string, patterns ...string) (Graph, error) {
	args := append([]string{"list", "-deps", "-json=ImportPath,Dir,GoFiles,Imports"}, patterns...)
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", cmd, err, &stderr)
	}
	g := make(Graph)
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		p := new(Package)
		if err := dec.Decode(p); errors.Is(err, io.EOF) {
			return g, nil
		} else if err != nil {
			return nil, fmt.Errorf("%s: %w", cmd, err)
		}
		g[p.ImportPath] = p
	}
}

// Chain returns the shortest import chain from one package to a package that
// is wanted, or nil. It follows the imports of packages that follow accepts.
func (g Graph) Chain(from string, follow, wanted func(path string) bool) []string {
	cameFrom := map[string]string{from: ""}
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		if at != from && wanted(at) {
			var chain []string
			for ; at != ""; at = cameFrom[at] {
				chain = append([]string{at}, chain...)
			}
			return chain
		}
		if p, known := g[at]; known && follow(at) {
			for _, next := range p.Imports {
				if _, seen := cameFrom[next]; !seen {
					cameFrom[next] = at
					queue = append(queue, next)
				}
			}
		}
	}
	return nil
}

// matches tells whether path is the package a ban names.
func (b Ban) matches(path string) bool {
	if b.Import == "*.*/..." { // any module: the standard library has no dot in its first element
		first, _, _ := strings.Cut(path, "/")
		return strings.Contains(first, ".")
	}
	prefix, subtree := strings.CutSuffix(b.Import, "/...")
	return path == prefix || subtree && strings.HasPrefix(path, prefix+"/")
}
