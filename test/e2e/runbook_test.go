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

// etcd's data are destroyed, and somebody pastes the runbook, word for word.
func TestDataLost(t *testing.T) {
	s := setUp(t, lab.Options{})
	s.save(t)
	s.node.LoseData(t, 0)
	s.down(t)
	text, err := os.ReadFile("../../docs/runbooks/control-plane-node.md")
	must(t, err)
	blocks := block.FindAllStringSubmatch(string(text), -1)
	if len(blocks) != 5 || blocks[0][1] != " setup" || strings.TrimSpace(blocks[0][2]) != "SNAPSHOT=/root/snapshot.db" {
		t.Fatalf("the runbook is another one:\n%q", blocks)
	}
	for _, b := range blocks[1:] {
		said := s.node.Shell(t, "SNAPSHOT="+snapshot+"\n"+b[2])
		t.Logf("%s\n%s", b[2], said)
	}
	s.requireRestored(t)
}
