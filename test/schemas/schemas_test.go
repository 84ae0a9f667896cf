package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/etcd-restore/etcd-restore/plugins/etcdrestore"
)

var root = filepath.Join("..", "..")

// docs/schemas is what the types say, and nothing else.
func TestFresh(t *testing.T) {
	t.Parallel()
	want, err := files(root)
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(root, "docs", "schemas")
	found, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		if _, ok := want[f.Name()]; !ok {
			t.Errorf("docs/schemas/%s is of no result: remove it", f.Name())
		}
	}
	for name, text := range want {
		if got, err := os.ReadFile(filepath.Join(folder, name)); err != nil || string(got) != string(text) {
			t.Errorf("docs/schemas/%s is stale, run make docs: %v\n%s", name, err, cmp.Diff(string(got), string(text)))
		}
	}
}

// told are the kinds that nodes and workstation tell each other: nobody else may rely
// on them.
func told() []string { return []string{"AgentSweep", "NodeFacts", "NodeSweep", "NodeTold"} }

// Each kind that the source prints has a schema, and docs/json.md names it.
func TestComplete(t *testing.T) {
	t.Parallel()
	sources, err := filepath.Glob(filepath.Join(root, "plugins", "etcdrestore", "*.go"))
	if err != nil || len(sources) == 0 {
		t.Fatalf("no sources: %v", err)
	}
	page := read(t, filepath.Join(root, "docs", "json.md"))
	kinds := []string{"ClusterPlan", "NodePlan", "RejoinPlan"} // made in packages below
	printed := regexp.MustCompile(`TypeMeta\{apiVersion, "(\w+)"\}`)
	for _, source := range sources {
		for _, m := range printed.FindAllStringSubmatch(read(t, source), -1) {
			kinds = append(kinds, m[1])
		}
	}
	for _, kind := range kinds {
		if _, ok := etcdrestore.Results()[kind]; !ok && !slices.Contains(told(), kind) {
			t.Errorf("%s is printed and not among the results", kind)
		} else if ok && !regexp.MustCompile(`\| \[`+kind+`\]\(schemas/`+kind+`\.json\)`).MatchString(page) {
			t.Errorf("docs/json.md does not tell of %s", kind)
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

type inner struct {
	Shared string `json:"shared"`
	Deep   []int  `json:"deep"`
}

type outer struct {
	*inner
	Shared  int      `json:"shared"`
	Omitted []string `json:"omitted,omitempty"`
	Pointer *outer   `json:"pointer"`
	Hidden  string   `json:"-"`
}

// A schema follows the rules of encoding/json.
func TestRules(t *testing.T) {
	t.Parallel()
	s := newSchema("outer", outer{}, comments{})
	got := map[string]any{}
	for name, p := range s.Properties {
		got[name] = p.Type
	}
	want := map[string]any{"shared": "integer", "deep": []any{"array", "null"}, "omitted": "array", "pointer": nil}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"pointer", "shared"}, s.Required); diff != "" {
		t.Error(diff)
	}
	if p := s.Properties["pointer"]; len(p.AnyOf) != 2 || p.AnyOf[0].Ref != "#/$defs/outer" || p.AnyOf[1].Type != "null" {
		t.Errorf("a pointer is %+v", p)
	}
}
