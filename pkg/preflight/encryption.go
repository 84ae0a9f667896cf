package preflight

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/etcd-restore/etcd-restore/pkg/encryption"
	"github.com/etcd-restore/etcd-restore/pkg/encryptioncheck"
	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
	"github.com/etcd-restore/etcd-restore/pkg/staticpod"
)

// encryptionConfig wants the keys with which the API server reads what it has
// encrypted. Without the file, or with one that it does not understand, it does not
// start, with no way to see that before all is stopped.
func (s *subject) encryptionConfig(context.Context) []Finding {
	file, err := s.apiServer()
	if err != nil {
		return skip("%w", err)
	}
	value, path, err := file.Manifest.FlagFile("kube-apiserver", providerFlag)
	if err != nil {
		return bad(or(err, "write --%s as a plain value into %s, and mount its directory from the node", providerFlag, file.Path))
	} else if value == "" {
		return nil
	}
	if err := readable(s.Node.Path(path)); err != nil {
		return bad(hint.New(fmt.Errorf("%w: the API server needs --%s=%s, which is %s on the node: %w", ErrNode, providerFlag, value, path, err),
			"copy the file there from another control-plane node, or from a backup made when the snapshot was taken"))
	}
	if _, err := encryption.Load(s.Node.Path(path)); err != nil {
		return bad(hint.New(fmt.Errorf("%w: the API server would not start with --%s=%s: %w", ErrNode, providerFlag, value, err),
			"mend the file, or copy it there from another control-plane node"))
	}
	return nil
}

// encryption wants the configuration to have the keys of what is in the snapshot. It
// tries few values of each resource and key: nobody waits for more in front of a
// restore, and check-encryption --all is there for the rest.
func (s *subject) encryption(ctx context.Context) []Finding {
	c, err := s.usable(ctx)
	if err != nil {
		return skip("%w", err)
	}
	if c.encryptedErr != nil {
		return skip("%w", c.encryptedErr)
	}
	if err := c.encrypted.Err(); errors.Is(err, encryptioncheck.ErrUnknown) {
		return warn(err)
	} else if err != nil {
		return bad(err)
	}
	return nil
}

// survey looks at what is encrypted while the snapshot is open: if it is compressed,
// nobody wants to decompress it again.
func (s *subject) survey(ctx context.Context, f *snapshot.File) (*encryptioncheck.Result, error) {
	config, err := s.configured()
	if err != nil {
		return nil, err
	}
	view, err := f.Keyspace()
	if err != nil {
		return nil, err
	}
	return encryptioncheck.Check(ctx, view, config, encryptioncheck.Options{Prefix: s.prefix()})
}

// configured is how the API server encrypts.
func (s *subject) configured() (*encryption.Config, error) {
	file, err := s.apiServer()
	if err != nil {
		return nil, err
	}
	value, path, err := file.Manifest.FlagFile("kube-apiserver", providerFlag)
	if err != nil {
		return nil, errors.New("where the keys are is not known, see EncryptionConfig")
	}
	if value == "" {
		return encryption.None(), nil
	}
	c, err := encryption.Load(s.Node.Path(path))
	if err != nil {
		return nil, errors.New("the keys cannot be read, see EncryptionConfig")
	}
	return c, nil
}

// apiServer is the manifest of the API server, or why there is none to look at.
func (s *subject) apiServer() (staticpod.File, error) {
	if s.Facts.Manifests.Err != nil {
		return staticpod.File{}, errors.New("the folder of manifests cannot be read, see ManifestFolder")
	}
	file, err := s.Facts.Manifests.Folder.Component("kube-apiserver")
	if err != nil {
		return staticpod.File{}, errors.New("no API server to look at, see ManifestFolder")
	}
	return file, nil
}

const providerFlag = "encryption-provider-config"

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
