//go:build e2e

package e2e

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/etcd-restore/etcd-restore/test/e2e/lab"
)

var block = regexp.MustCompile("(?ms)^```sh( setup| check)?\n(.*?)^```$")

// paste pastes the blocks of a runbook on the node, word for word, with these names
// instead of those that its first block sets, and returns what they said.
func (s *scene) paste(t *testing.T, page string, names ...string) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/runbooks/" + page)
	must(t, err)
	blocks := block.FindAllStringSubmatch(string(text), -1)
	if len(blocks) < 4 || blocks[0][1] != " setup" || blocks[len(blocks)-1][1] != " check" {
		t.Fatalf("%s is another one:\n%q", page, blocks)
	}
	setup := strings.Join(names, "\n")
	requireEqual(t, "the names of "+page, namesIn(blocks[0][2]), namesIn(setup))
	var all strings.Builder
	for _, b := range blocks[1:] {
		said := s.node.Shell(t, setup+"\n"+b[2])
		t.Logf("%s\n%s", b[2], said)
		all.WriteString(said)
	}
	return all.String()
}

// namesIn are what a script sets, a name to a line.
func namesIn(script string) (names []string) {
	for line := range strings.Lines(script) {
		name, _, _ := strings.Cut(line, "=")
		names = append(names, name)
	}
	return names
}

// etcd's data are destroyed, and somebody pastes the runbook.
func TestDataLost(t *testing.T) {
	s := setUp(t, lab.Options{})
	s.save(t)
	s.node.LoseData(t, 0)
	s.down(t)
	s.paste(t, "control-plane-node.md", "SNAPSHOT="+snapshot)
	s.requireRestored(t)
}
