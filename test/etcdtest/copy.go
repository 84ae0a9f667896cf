package etcdtest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Copy returns copies of the data directory and, if it has one, the WAL
// directory of a member that is down. Started on them it leaves its own
// directories as they are.
func (m *Member) Copy(t T) (dataDir, walDir string) {
	t.Helper()
	if m.Running() {
		t.Fatalf("%s is running: a copy of its directories would be torn", m.Name)
	}
	to := t.TempDir()
	dataDir = filepath.Join(to, "data")
	if err := copyTree(m.DataDir, dataDir); err != nil {
		t.Fatalf("copy the data of %s: %v", m.Name, err)
	}
	if m.WALDir == "" {
		return dataDir, ""
	}
	walDir = filepath.Join(to, "wal")
	if err := copyTree(m.WALDir, walDir); err != nil {
		t.Fatalf("copy the WAL of %s: %v", m.Name, err)
	}
	return dataDir, walDir
}

// copyTree copies directories and files with their modes. etcd makes nothing else.
func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		switch target := filepath.Join(to, rel); {
		case info.IsDir():
			return os.Mkdir(target, info.Mode().Perm())
		case info.Mode().IsRegular():
			return copyFile(path, target, info.Mode().Perm())
		default:
			return fmt.Errorf("%s is neither a file nor a directory", path)
		}
	})
}

func copyFile(from, to string, mode fs.FileMode) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	return errors.Join(copySparse(dst, src), dst.Close())
}

// copySparse leaves out what is zero. Nearly all of a young log is.
func copySparse(dst, src *os.File) error {
	var size int64
	chunk, zeros := make([]byte, 64<<10), make([]byte, 64<<10)
	for {
		n, err := io.ReadFull(src, chunk)
		if !bytes.Equal(chunk[:n], zeros[:n]) {
			if _, err := dst.WriteAt(chunk[:n], size); err != nil {
				return err
			}
		}
		size += int64(n)
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return dst.Truncate(size)
		case err != nil:
			return err
		}
	}
}
