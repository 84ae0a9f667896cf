package agentpod

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/etcd-restore/etcd-restore/pkg/internal/durable"
	"github.com/etcd-restore/etcd-restore/pkg/transport"
)

// Install copies a program, which is to have a SHA-256 in hex, to its place on this node,
// FOLDER/SUM/NAME, in folders into which nobody else may write. One that is in its place is
// only hashed. It is for a program that has arrived on a node, and installs itself.
func Install(program, place, sum string) error {
	if there, err := os.Stat(place); err == nil {
		if own, err := os.Stat(program); err == nil && os.SameFile(there, own) {
			return hash(program, sum, io.Discard)
		}
	}
	folder := filepath.Dir(place)
	if err := transport.MakeFolder(filepath.Dir(folder)); err != nil {
		return err
	}
	if err := transport.MakeFolder(folder); err != nil {
		return err
	}
	part, err := os.CreateTemp(folder, ".part-*")
	if err != nil {
		return err
	}
	err = hash(program, sum, part)
	if err == nil {
		err = part.Chmod(0o700)
	}
	if err == nil {
		err = part.Sync()
	}
	if err = errors.Join(err, part.Close()); err == nil {
		err = os.Rename(part.Name(), place)
	}
	if err != nil {
		return errors.Join(err, os.Remove(part.Name()))
	}
	return durable.FS{}.SyncDir(folder)
}

// hash copies a file and compares its SHA-256.
func hash(program, sum string, to io.Writer) error {
	f, err := os.Open(program)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(io.MultiWriter(h, to), f); err != nil {
		return err
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != sum {
		return fmt.Errorf("%w: its SHA-256 is %s, not %s", ErrProgram, got, sum)
	}
	return nil
}
