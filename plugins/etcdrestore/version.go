package etcdrestore

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/etcd-restore/etcd-restore/plugins/internal/buildinfo"
	"github.com/etcd-restore/etcd-restore/plugins/internal/verb"
)

// NewCmdVersion returns the verb version.
func NewCmdVersion(streams Streams, opts *Options) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of this program",
		Args:  verb.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return opts.print(streams.Out, versionReport{TypeMeta{apiVersion, "Version"}, buildinfo.Read()})
		},
	}
}

// versionReport is the binary that runs.
type versionReport struct {
	TypeMeta
	buildinfo.Info
}

func (v versionReport) words() string {
	return fmt.Sprintf("%s %s (%s, %s)\n", plugin, v.Version, v.Go, v.Platform)
}
