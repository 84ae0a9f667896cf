package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const folder = "../../docs/cli"

// docs/cli is what the commands say, and nothing else.
func TestFresh(t *testing.T) {
	want := pages()
	files, err := filepath.Glob(folder + "/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if _, ok := want[filepath.Base(file)]; !ok {
			t.Errorf("%s is of no command: remove it", file)
		}
	}
	for name, text := range want {
		if got, err := os.ReadFile(filepath.Join(folder, name)); err != nil || string(got) != text {
			t.Errorf("docs/cli/%s is stale, run make docs: %v\n%s", name, err, cmp.Diff(string(got), text))
		}
	}
}

// Nothing that a person reads on a terminal of 80 columns wraps, but for an address.
func TestWidth(t *testing.T) {
	for name, page := range pages() {
		help, _, _ := strings.Cut(page, "\n```\n")
		for _, line := range strings.Split(help, "\n") {
			if len([]rune(line)) > 80 && !strings.Contains(line, "[http") {
				t.Errorf("%s: %d columns: %s", name, len([]rune(line)), line)
			}
		}
	}
}

// Each command has a man page.
func TestMan(t *testing.T) {
	cli, man := t.TempDir(), t.TempDir()
	if err := write(cli, man); err != nil {
		t.Fatal(err)
	}
	for name := range pages() {
		page := strings.ReplaceAll(strings.TrimSuffix(name, ".md"), "_", "-") + ".1"
		text, err := os.ReadFile(filepath.Join(man, page))
		if err != nil || !strings.Contains(string(text), ".SH NAME") || !strings.Contains(string(text), "Jan 1970") {
			t.Errorf("%s: %v\n%.300s", page, err, text)
		}
	}
}
