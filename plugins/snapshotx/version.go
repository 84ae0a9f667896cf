package snapshotx

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/etcd-restore/etcd-restore/plugins/internal/buildinfo"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
	"github.com/etcd-restore/etcd-restore/plugins/internal/verb"
)

// NewCmdVersion returns the verb version.
func NewCmdVersion(streams Streams, opts *Options) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of this program",
		Args:  verb.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return versionResult(buildinfo.Read()).Print(streams.Out, opts.Format)
		},
	}
}

func versionResult(v buildinfo.Info) output.Result {
	return output.Result{
		Simple: fmt.Sprintf("etcdctl-snapshot-x %s (%s, %s)", v.Version, v.Go, v.Platform),
		Fields: []output.Field{
			{Name: "Version", Column: "version", Value: v.Version},
			{Name: "Go", Column: "go", Value: v.Go},
			{Name: "Platform", Column: "platform", Value: v.Platform},
		},
		JSON: v,
	}
}
