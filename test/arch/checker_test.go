package arch

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The fixture is a small module that breaks every rule once. A checker that
// finds nothing in it would find nothing anywhere.
func fixture(t *testing.T) Graph {
	t.Helper()
	g, err := Load(t.Context(), filepath.Join("testdata", "house"), "./...")
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestCheckImportsFinds(t *testing.T) {
	t.Parallel()
	quiet := []Row{{"pkg/high", nil, nil}, {"pkg/sinner", nil, nil}, {"pkg/saint", nil, nil}, {"pkg/stranger", nil, nil}}
	nobody := Ban{"net/http/...", "ask nobody"}
	tests := []struct {
		name  string
		table []Row
		want  []string
	}{
		{"nothing", append(quiet, Row{"pkg/low", []string{"pkg/high"}, nil}), nil},
		{"a package without a row", append(quiet[:3:3], Row{"pkg/low", []string{"pkg/high"}, nil}), []string{
			"house/pkg/stranger has no row: add it to the table",
		}},
		{"a row without a package", append(quiet, Row{"pkg/low", []string{"pkg/high"}, nil}, Row{"pkg/gone", nil, nil}), []string{
			"pkg/gone has a row and does not exist",
		}},
		{"an import that the row does not allow", append(quiet, Row{"pkg/low", nil, nil}), []string{
			"house/pkg/low\n\t-> house/pkg/high\n\tinstead: lower floors never import higher ones",
		}},
		{"a ban broken through another package", append(quiet, Row{"pkg/low", []string{"pkg/high"}, []Ban{nobody}}), []string{
			"house/pkg/low\n\t-> house/pkg/high\n\t-> net/http\n\tinstead: ask nobody",
		}},
	}
	g := fixture(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			compare(t, CheckImports(g, "house", tt.table), tt.want)
		})
	}
}

func TestCheckLinksFinds(t *testing.T) {
	t.Parallel()
	findings := CheckLinks(fixture(t), "house/pkg/low", []Ban{{"crypto/tls", "whisper"}, {"k8s.io/...", "none"}})
	compare(t, findings, []string{"house/pkg/low\n\t-> house/pkg/high\n\t-> net/http\n\t-> crypto/tls\n\tinstead: whisper"})
}

func TestCheckSourceFinds(t *testing.T) {
	t.Parallel()
	g := fixture(t)
	everywhere := []string{
		"package-level variable later has no initial value",
		"package-level variable mu is shared state (sync.Mutex)",
		"init runs before anybody asked for it",
		"binary.BigEndian belongs to another package",
		"package-level variable table changes",
		"package-level variable count changes",
		"package-level variable count changes", // its address is taken
	}
	inLibraries := []string{
		"fmt.Println in a library package",
		"myos.Getenv in a library package",
		"println in a library package",
		"myos.Exit in a library package",
	}
	tests := []struct {
		pkg  string
		lib  Library
		want []string
	}{
		{"sinner", true, slices.Concat(everywhere, inLibraries)},
		{"sinner", false, everywhere},
		{"saint", true, nil},
	}
	for _, tt := range tests {
		findings, err := CheckSource(g["house/pkg/"+tt.pkg], tt.lib)
		if err != nil {
			t.Fatal(err)
		}
		compare(t, findings, tt.want)
	}
}

func TestBanMatches(t *testing.T) {
	t.Parallel()
	tests := []struct {
		ban, path string
		want      bool
	}{
		{"net", "net", true},
		{"net", "net/url", false},
		{"net/http/...", "net/http", true},
		{"net/http/...", "net/http/httptest", true},
		{"net/http/...", "net/httputil", false},
		{"*.*/...", "example.com/x", true},
		{"*.*/...", "encoding/json", false},
	}
	for _, tt := range tests {
		if got := (Ban{Import: tt.ban}).matches(tt.path); got != tt.want {
			t.Errorf("ban on %s matches %s: %v, want %v", tt.ban, tt.path, got, tt.want)
		}
	}
}

// compare pairs each wanted text with one finding that contains it.
func compare(t *testing.T, got, want []string) {
	t.Helper()
	rest := slices.Clone(got)
	for _, w := range want {
		i := slices.IndexFunc(rest, func(f string) bool { return strings.Contains(f, w) })
		if i < 0 {
			t.Errorf("not found: %s", w)
			continue
		}
		rest = slices.Delete(rest, i, i+1)
	}
	for _, f := range rest {
		t.Errorf("unexpected finding: %s", f)
	}
}
