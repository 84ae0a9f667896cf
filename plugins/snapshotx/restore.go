package snapshotx

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/etcd-restore/etcd-restore/pkg/membership"
	"github.com/etcd-restore/etcd-restore/pkg/restore"
	"github.com/etcd-restore/etcd-restore/plugins/internal/exitcode"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
	"github.com/etcd-restore/etcd-restore/plugins/internal/verb"
)

// NewCmdRestore returns the verb restore.
func NewCmdRestore(streams Streams, opts *Options, conn *Connection) *cobra.Command {
	o := &RestoreOptions{Options: opts, Connection: conn, streams: streams}
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Make the data directories of a new cluster from a snapshot",
		Long: `Make the data directories of a new cluster from a snapshot: of one member, or of
all with --all-members. The flags of "etcdutl snapshot restore" mean the same.

A directory appears once it is complete and on disk, or not at all. Nothing is
ever overwritten. The new cluster has a random token, so that no member of the
old one can talk to it; one member of a larger cluster needs the token that was
chosen for all, and without one the commands for every host are printed.

Clients must never see a revision go back. --bump-revision=auto raises it above
all that --seen-data-dir, --seen-endpoint and --seen-revision tell of the old
cluster, and prints the proof. With a Kubernetes keyspace that is the default.

FILE may be a copy of member/snap/db (with --skip-hash-check), compressed with
zstd, or - for standard input. It never dials, but for --seen-endpoint.

` + exitcode.Help(exitcode.OK, exitcode.Failed, exitcode.BadUsage, exitcode.Integrity, exitcode.Refused, exitcode.Interrupted),
		Example: `  # A cluster of one
  etcdctl-snapshot-x restore snapshot.db --data-dir /var/lib/etcd-new \
    --name m1 --initial-cluster m1=https://10.0.0.1:2380

  # All three members in one run, above what the old first member had reached
  CLUSTER=m1=https://10.0.0.1:2380,m2=https://10.0.0.2:2380
  CLUSTER=$CLUSTER,m3=https://10.0.0.3:2380
  etcdctl-snapshot-x restore snapshot.db --all-members --output-dir new \
    --initial-cluster $CLUSTER --seen-data-dir /var/lib/etcd

  # What would it do?
  etcdctl-snapshot-x restore snapshot.db --data-dir /var/lib/etcd-new --dry-run`,
		GroupID:     groupOffline,
		Annotations: map[string]string{annotationDials: ""},
		Args:        verb.OneFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.File = args[0]
			o.Complete(cmd.Flags())
			if err := o.Validate(); err != nil {
				return verb.UsageError(cmd, err)
			}
			return o.Run(cmd.Context())
		},
	}
	o.AddFlags(cmd.Flags())
	return cmd
}

// Validate finds mistakes that no flag can find alone.
func (o *RestoreOptions) Validate() error {
	switch {
	case o.AllMembers && (o.given("data-dir") || o.given("wal-dir") || o.given("name")):
		return errors.New("--all-members goes with --output-dir, not with --name, --data-dir or --wal-dir")
	case !o.AllMembers && o.given("output-dir"):
		return errors.New("--output-dir goes with --all-members; the place of one member is --data-dir")
	case o.BumpRevision.Auto && o.given("mark-compacted") && !o.MarkCompacted:
		return errors.New("--bump-revision=auto needs --mark-compacted: a watch would wait in the gap for ever")
	case !o.BumpRevision.Auto && o.MarkCompacted != (o.BumpRevision.By > 0):
		return errors.New("--bump-revision and --mark-compacted go together: give both or neither, or --bump-revision=auto")
	case o.given("expect-sha256") && !isSHA256(o.ExpectSHA256):
		return fmt.Errorf("--expect-sha256 must be 64 hexadecimal digits, got %q", o.ExpectSHA256)
	case o.DryRun && o.File == stdin:
		return errors.New("--dry-run reads the snapshot, and standard input can be read only once: save it to a file first")
	}
	return nil
}

func isSHA256(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == sha256.Size
}

// Run restores, or prints what it would do.
func (o *RestoreOptions) Run(ctx context.Context) error {
	cfg, err := o.config(ctx)
	if err != nil {
		return err
	}
	if o.DryRun {
		plan, err := restore.Prepare(cfg)
		if err != nil {
			return err
		}
		return planResult(plan, true).Print(o.streams.Out, o.Format)
	}
	if err := o.refuseSplit(ctx, cfg); err != nil {
		return err
	}
	reporter := o.Reporter(o.streams)
	defer reporter.Finish()
	cfg.Progress = reporter
	plan, err := restore.Run(ctx, cfg)
	if err != nil {
		return err
	}
	reporter.Finish()
	return printDone(o.Options, o.streams, "restored "+o.File, planResult(plan, false))
}

// config turns the flags into what pkg/restore takes.
func (o *RestoreOptions) config(ctx context.Context) (restore.Config, error) {
	cluster, err := o.cluster()
	if err != nil {
		return restore.Config{}, err
	}
	cfg := restore.Config{
		Path:          o.File,
		Cluster:       cluster,
		ExpectSHA256:  o.ExpectSHA256,
		SkipHashCheck: o.SkipHashCheck,
		Bump:          o.bump(),
		MarkCompacted: o.MarkCompacted || o.BumpRevision.Auto,
		Compact:       o.Compact,
		KeepAlarms:    o.KeepAlarms,
		ResetAuth:     o.ResetAuth,
		TargetVersion: o.TargetVersion,
	}
	if o.File == stdin {
		cfg.Path, cfg.Stream = "standard input", o.streams.In
	}
	if o.AllMembers {
		cfg.Parent = o.OutputDir
		for _, m := range byName(cluster.Members) {
			cfg.Targets = append(cfg.Targets, restore.Target{Member: m.Name, DataDir: filepath.Join(o.OutputDir, m.Name+".etcd")})
		}
	} else {
		if err := o.checkAdvertised(cluster); err != nil {
			return restore.Config{}, err
		}
		cfg.Targets = []restore.Target{{Member: o.Name, DataDir: o.dataDir(), WALDir: o.walDir()}}
	}
	cfg.Seen, err = o.evidence(ctx)
	return cfg, err
}

// byName orders members as a person looks for them.
func byName(members []membership.Member) []membership.Member {
	return slices.SortedFunc(slices.Values(members), func(a, b membership.Member) int { return strings.Compare(a.Name, b.Name) })
}

// cluster computes the new membership, with the given token or a fresh one.
func (o *RestoreOptions) cluster() (*membership.Cluster, error) {
	token := o.Token
	if token == "" {
		var err error
		if token, err = membership.NewToken(); err != nil {
			return nil, err
		}
	}
	c, err := membership.New(o.initialCluster(), token, o.Learners)
	return c, output.WithHint(err, "--initial-cluster is NAME=PEER-URL,…, as in m1=https://10.0.0.1:2380,m2=https://10.0.0.2:2380; --learner takes its names")
}

// checkAdvertised compares the advertised URLs, if given, with the membership.
func (o *RestoreOptions) checkAdvertised(c *membership.Cluster) error {
	if _, ok := c.Member(o.Name); !ok {
		return exitcode.Usage(output.WithHint(fmt.Errorf("--name %s is not in --initial-cluster %s", o.Name, c.InitialCluster()),
			"give --name one of the names before the equals signs"))
	}
	if !o.given("initial-advertise-peer-urls") {
		return nil
	}
	return output.WithHint(c.CheckAdvertised(o.Name, o.AdvertisePeerURLs),
		"leave --initial-advertise-peer-urls out, or give what --initial-cluster has for %s", o.Name)
}
