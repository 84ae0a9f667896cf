package preflight

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
	"github.com/etcd-restore/etcd-restore/pkg/staticpod"
)

// encryptionConfig wants the keys with which the API server reads what it has
// encrypted. Without the file it does not start, with no way to see that before all
// is stopped. The content is nobody's business (invariant I10).
func (s *subject) encryptionConfig(context.Context) []Finding {
	if s.Facts.Manifests.Err != nil {
		return skip("the folder of manifests cannot be read, see ManifestFolder")
	}
	file, err := s.Facts.Manifests.Folder.Component("kube-apiserver")
	if err != nil {
		return skip("no API server to look at, see ManifestFolder")
	}
	value, path, err := providerConfig(file.Manifest)
	if err != nil {
		return bad(or(err, "write --%s as a plain value into %s, and mount its directory from the node", providerFlag, file.Path))
	} else if value == "" {
		return nil
	}
	if err := readable(s.Node.Path(path)); err != nil {
		return bad(hint.New(fmt.Errorf("%w: the API server needs --%s=%s, which is %s on the node: %w", ErrNode, providerFlag, value, path, err),
			"copy the file there from another control-plane node, or from a backup made when the snapshot was taken"))
	}
	return nil
}

const providerFlag = "encryption-provider-config"

// providerConfig is where the API server finds the file, and where on the node that
// is. Both are "" if it needs none.
func providerConfig(m *staticpod.Manifest) (value, path string, err error) {
	server, err := m.Program("kube-apiserver")
	if err != nil {
		return "", "", err
	}
	flags, err := server.ProgramFlags("kube-apiserver")
	if err != nil {
		return "", "", err
	}
	flag, err := flags.Get(providerFlag)
	if err != nil || flag.Value == "" {
		return "", "", err
	}
	if path, err = m.HostPath(server, flag.Value); err != nil {
		return "", "", fmt.Errorf("--%s: %w", providerFlag, err)
	}
	return flag.Value, path, nil
}

var errEmpty = errors.New("it is empty")

// readable reads the first byte of a file.
func readable(path string) error {
	if info, err := os.Stat(path); err != nil {
		return err
	} else if !info.Mode().IsRegular() {
		return fmt.Errorf("%w: it is no file", fs.ErrInvalid)
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := file.Read(make([]byte, 1)); errors.Is(err, io.EOF) {
		return errEmpty
	} else if err != nil {
		return err
	}
	return nil
}
