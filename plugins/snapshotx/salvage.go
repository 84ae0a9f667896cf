package snapshotx

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/etcd-restore/etcd-restore/pkg/salvage"
	"github.com/etcd-restore/etcd-restore/plugins/internal/exitcode"
	"github.com/etcd-restore/etcd-restore/plugins/internal/verb"
)

// NewCmdSalvage returns the verb salvage.
func NewCmdSalvage(streams Streams, opts *Options) *cobra.Command {
	o := &SalvageOptions{Options: opts, streams: streams}
	cmd := &cobra.Command{
		Use:   "salvage DIR…",
		Short: "Make a snapshot of all that dead members have, their logs included",
		Long: `Make a snapshot from the data directories of members that are dead or stopped,
with everything that their logs hold beyond their databases.

The directory with the longest log wins, as it would win an election. With the
directories of a majority every acknowledged write is in it, and the result says
so. With fewer that is not proven, and --tail must say what becomes of the
entries that are not known to be committed: include keeps them, which is the
default with a majority, and committed leaves them out.

A DIR whose log is elsewhere is given as DIR,WAL-DIR, or with one --wal-dir for
each DIR, in their order. The directories are only read, and must not change: no
etcd may run on them. Give each as its member left it, copied by a tool that
verifies. What is written is a snapshot like any other, for restore, verify and
etcdutl. A dry run exits with 0 whatever it says is needed.

` + exitcode.Help(exitcode.OK, exitcode.Failed, exitcode.BadUsage, exitcode.Integrity, exitcode.Refused, exitcode.Interrupted),
		Example: `  # Two of three members are left on disk: nothing acknowledged is lost
  etcdctl-snapshot-x salvage /mnt/m1/etcd /mnt/m2/etcd -o salvaged.db

  # Which of them would win, and why?
  etcdctl-snapshot-x salvage /mnt/m1/etcd /mnt/m2/etcd --dry-run

  # One is left: keep all that it has
  etcdctl-snapshot-x salvage /var/lib/etcd -o salvaged.db --tail=include

  # Then
  etcdctl-snapshot-x restore salvaged.db --data-dir /var/lib/etcd-new \
    --name m1 --initial-cluster m1=https://10.0.0.1:2380 \
    --bump-revision=auto --seen-data-dir /var/lib/etcd`,
		GroupID: groupOffline,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return verb.UsageError(cmd, errors.New("DIR is missing"))
			}
			return nil
		},
		ValidArgsFunction: completeDirs,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Dirs = args
			if err := o.Validate(); err != nil {
				return verb.UsageError(cmd, err)
			}
			return o.Run(cmd.Context())
		},
	}
	o.AddFlags(cmd.Flags())
	if err := o.registerCompletion(cmd); err != nil {
		panic(err) // a flag that does not exist: found by any test that makes the command
	}
	return cmd
}

// completeDirs offers directories to the shell.
func completeDirs(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}

// SalvageOptions are the flags of salvage.
type SalvageOptions struct {
	*Options
	Dirs []string

	Output       string
	WALDirs      []string
	Tail         string
	AllowPartial bool
	KeepAlarms   bool
	DryRun       bool

	streams Streams
}

// AddFlags adds the flags that only salvage has.
func (o *SalvageOptions) AddFlags(fs *pflag.FlagSet) {
	fs.StringVarP(&o.Output, "output", "o", "", "`FILE` to write the snapshot to")
	fs.StringArrayVar(&o.WALDirs, "wal-dir", nil, "`DIR` of the log, one for each data directory in order")
	fs.StringVar(&o.Tail, "tail", "", "`WHAT` becomes of the unproven end: include or committed")
	fs.BoolVar(&o.AllowPartial, "allow-partial", false, "take what stands before the damage in a log")
	fs.BoolVar(&o.KeepAlarms, "keep-alarms", false, "leave alarms raised")
	fs.BoolVar(&o.DryRun, "dry-run", false, "hold the election, report it and write nothing")
}

func (o *SalvageOptions) registerCompletion(cmd *cobra.Command) error {
	tails := []string{string(salvage.TailInclude), string(salvage.TailCommitted)}
	return errors.Join(
		cmd.RegisterFlagCompletionFunc("tail", cobra.FixedCompletions(tails, cobra.ShellCompDirectiveNoFileComp)),
		cmd.MarkFlagDirname("wal-dir"),
	)
}

// Validate finds mistakes that no flag can find alone.
func (o *SalvageOptions) Validate() error {
	switch {
	case o.Output == "" && !o.DryRun:
		return errors.New("--output is missing: the file to write the snapshot to")
	case o.Output == stdin:
		return errors.New("--output must name a file: standard output has the report")
	case o.Tail != "" && o.Tail != string(salvage.TailInclude) && o.Tail != string(salvage.TailCommitted):
		return fmt.Errorf("--tail must be include or committed, not %q", o.Tail)
	case len(o.WALDirs) > 0 && len(o.WALDirs) != len(o.Dirs):
		return fmt.Errorf("--wal-dir was given %d times for %d data directories: give one for each, or DIR,WAL-DIR", len(o.WALDirs), len(o.Dirs))
	}
	return nil
}

// Run salvages, or reports what it would do.
func (o *SalvageOptions) Run(ctx context.Context) error {
	cfg := salvage.Config{
		Sources: o.sources(), Output: o.Output, Tail: salvage.Tail(o.Tail),
		AllowPartial: o.AllowPartial, KeepAlarms: o.KeepAlarms,
	}
	if o.DryRun {
		report, err := salvage.Examine(ctx, cfg)
		return o.failed(report, err)
	}
	reporter := o.Reporter(o.streams)
	defer reporter.Finish()
	cfg.Progress = reporter
	report, err := salvage.Run(ctx, cfg)
	reporter.Finish()
	if err != nil {
		return o.failed(report, err)
	}
	return printDone(o.Options, o.streams, "salvaged into "+o.Output, o.report(report))
}

// failed shows how the election went, if there was one, although nothing is made
// of it. In a dry run err may be nil.
func (o *SalvageOptions) failed(report *salvage.Report, err error) error {
	if report == nil {
		return err
	}
	return errors.Join(o.report(report).Print(o.streams.Out, o.Format), err)
}

// sources are the directories, each with its log.
func (o *SalvageOptions) sources() (sources []salvage.Source) {
	for i, value := range o.Dirs {
		dir, walDir := splitDataDir(value)
		if len(o.WALDirs) > 0 {
			walDir = o.WALDirs[i]
		}
		sources = append(sources, salvage.Source{Dir: dir, WALDir: walDir})
	}
	return sources
}
