package transport_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/etcd-restore/etcd-restore/pkg/transport"
)

// A folder that others may write to, or own, is not made ours.
func TestMakeFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	spoil := map[string]func(string) error{
		"open": func(path string) error { return os.Chmod(path, 0o777) },
	}
	if os.Geteuid() == 0 { // root could write there, but is not the only one
		spoil["foreign"] = func(path string) error { return os.Chown(path, 65534, 65534) }
	}
	for name, spoil := range spoil {
		path := filepath.Join(dir, name)
		for range 2 { // made, and found again
			if err := transport.MakeFolder(path); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if err := spoil(path); err != nil {
			t.Fatal(err)
		}
		for _, refused := range []string{path, filepath.Join(path, "below")} {
			if err := transport.MakeFolder(refused); !errors.Is(err, transport.ErrFolder) {
				t.Errorf("%s: got %v, want ErrFolder", refused, err)
			}
		}
	}
}
