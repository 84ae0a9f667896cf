package snapshotx

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
)

// NewCmdVersion returns the verb version.
func NewCmdVersion(streams Streams, opts *Options) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of this program",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			return readVersion().result().Print(streams.Out, opts.Format)
		},
	}
}

// version is what the Go toolchain stamped into the binary: the module's tag,
// or one derived from the commit, as git describe would.
type version struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Modified bool   `json:"modified,omitempty"` // the tree had changes
	Go       string `json:"goVersion"`
	Platform string `json:"platform"`
}

func readVersion() version {
	v := version{Version: "unknown", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	v.Version = info.Main.Version
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Commit = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}

func (v version) result() output.Result {
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
