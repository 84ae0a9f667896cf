package transport_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/etcd-restore/etcd-restore/pkg/transport"
)

// The program of a workstation that is no Linux cannot go to a node.
func TestProgramOfAnotherSystem(t *testing.T) {
	machO := filepath.Join(t.TempDir(), "kubectl-etcd_restore")
	if err := os.WriteFile(machO, []byte("\xcf\xfa\xed\xfe\x0c\x00\x00\x01"), 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := transport.OpenProgram(machO)
	var hinted interface{ Hint() string }
	if !errors.Is(err, transport.ErrProgram) || !errors.As(err, &hinted) || !strings.Contains(hinted.Hint(), "--node-program FILE") {
		t.Errorf("%v", err)
	}
}
