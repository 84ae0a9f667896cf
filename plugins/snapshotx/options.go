package snapshotx

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
	"github.com/etcd-restore/etcd-restore/plugins/internal/progress"
)

// Options are the flags that every verb has. They are filled in before a
// verb's RunE is called.
type Options struct {
	Format   output.Format
	Progress progress.Mode
}

func newOptions() *Options {
	return &Options{Format: output.Simple, Progress: progress.Auto}
}

// AddFlags adds --write-out and --progress.
func (o *Options) AddFlags(fs *pflag.FlagSet) {
	fs.VarP(&o.Format, "write-out", "w", "form of the result: simple, table, json or fields")
	fs.Var(&o.Progress, "progress", "progress on stderr: auto, bar, plain, json or none")
}

// registerCompletion offers the values of the flags of AddFlags to the shell.
func (o *Options) registerCompletion(cmd *cobra.Command) error {
	for flag, values := range map[string][]string{"write-out": output.Formats(), "progress": progress.Modes()} {
		complete := cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)
		if err := cmd.RegisterFlagCompletionFunc(flag, complete); err != nil {
			return err
		}
	}
	return nil
}

// Reporter returns the progress that the flags ask for. Finish it.
func (o *Options) Reporter(streams Streams) *progress.Reporter {
	return progress.New(o.Progress, streams.ErrOut)
}
