// Package store keeps the files that a workstation has sent to this node, each under the
// SHA-256 that it shall have:
//
//	/var/lib/etcd-restore/uploads/          root's own, and nobody else's
//	  HEX.db.part                           as far as it has come; locked while it grows
//	  HEX.db                                whole
//
// What is there of a file stays, whatever becomes of the connection, this process or the
// power: the next upload goes on behind it. It gets its name when it has been read again
// from its beginning and is as it was sent.
package store

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/etcd-restore/etcd-restore/pkg/transport"
)

var (
	// ErrBusy is returned while another upload of the same file goes on.
	ErrBusy = errors.New("another upload of this file is at work")
	// ErrName is returned for what is no file of the store.
	ErrName = errors.New("no file that could be sent")
)

// Store is the open folder.
type Store struct {
	path string
	root *os.Root
}

// Open opens the folder, and makes it if need be. Close it.
func Open(path string) (*Store, error) {
	if err := transport.MakeFolder(path); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	return &Store{path, root}, nil
}

// Close closes the folder.
func (s *Store) Close() { _ = s.root.Close() }

// Path is where a file of the store is.
func (s *Store) Path(name string) string { return filepath.Join(s.path, name) }
