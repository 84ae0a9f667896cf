package etcdrestore

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
)

func TestOnlyLinuxCanBeANode(t *testing.T) {
	if err := canBeNode("linux"); err != nil {
		t.Error(err)
	}
	err := canBeNode("darwin")
	var said bytes.Buffer
	output.Error(&said, err)
	if !errors.Is(err, errNoNode) || !strings.Contains(said.String(), "--ssh HOST") {
		t.Errorf("%s", &said)
	}
}
