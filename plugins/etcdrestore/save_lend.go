package etcdrestore

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"github.com/etcd-restore/etcd-restore/pkg/transport"
	"github.com/etcd-restore/etcd-restore/pkg/transport/store"
	"github.com/etcd-restore/etcd-restore/plugins/internal/verb"
)

// lentFile is a file for a workstation to fetch.
type lentFile struct {
	Path   string `json:"path"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"` // of all of it
}

// lend is where the snapshot goes that a workstation fetches.
func (o *SaveOptions) lend() (string, error) {
	files, err := store.Open(o.uploads())
	if err != nil {
		return "", err
	}
	defer files.Close()
	return files.Lend(o.Lend)
}

// lent is what the workstation must know of it; nil if it is for nobody elsewhere. If it
// cannot be read it is of no use, and goes.
func (o *SaveOptions) lent(ctx context.Context) (*lentFile, error) {
	if o.Lend == "" {
		return nil, nil
	}
	f, err := transport.OpenFile(ctx, o.File)
	if err != nil {
		_ = os.Remove(o.File)
		return nil, err
	}
	return &lentFile{f.Path, f.Size, f.SHA256}, nil
}

// NewCmdNodeDrop returns the verb node drop, which ends what node save --lend began.
func NewCmdNodeDrop(n *NodeOptions) *cobra.Command {
	return &cobra.Command{
		Use:    "drop NAME",
		Hidden: true,
		Short:  "Remove a snapshot that node save --lend has made",
		Args:   verb.OneFile,
		RunE: func(_ *cobra.Command, args []string) error {
			files, err := store.Open(n.uploads())
			if err != nil {
				return err
			}
			defer files.Close()
			return files.Drop(args[0])
		},
	}
}
