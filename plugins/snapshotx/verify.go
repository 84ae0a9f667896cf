package snapshotx

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
	"github.com/etcd-restore/etcd-restore/plugins/internal/exitcode"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
	"github.com/etcd-restore/etcd-restore/plugins/internal/progress"
	"github.com/etcd-restore/etcd-restore/plugins/internal/verb"
)

// NewCmdVerify returns the verb verify.
func NewCmdVerify(streams Streams, opts *Options) *cobra.Command {
	o := &VerifyOptions{Input: Input{Options: opts, streams: streams}}
	return &cobra.Command{
		Use:   "verify FILE",
		Short: "Check all in a snapshot that can be checked without a server",
		Long: `Check all in a snapshot that can be checked without a server: the SHA-256 in its
trailer, every page, the order and form of the revisions, that every value
decodes and agrees with its revision, leases, members and the rest. It lists
every finding. An error means: do not restore this file. FILE may be a copy of
member/snap/db, compressed with zstd, or -; it is never written to.

` + exitcode.Help(exitcode.OK, exitcode.Failed, exitcode.BadUsage, exitcode.Integrity, exitcode.Interrupted),
		Example: `  etcdctl-snapshot-x verify snapshot.db

  # In a backup job
  etcdctl-snapshot-x verify snapshot.db -w json --progress=none ||
    mail -s 'bad backup' ops`,
		GroupID: groupOffline,
		Args:    verb.OneFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.File = args[0]
			return o.Run(cmd.Context())
		},
	}
}

// VerifyOptions are the flags of verify.
type VerifyOptions struct {
	Input
}

// errFindings makes verify fail. What was found has been printed.
var errFindings = errors.New("the snapshot should not be restored")

// Run verifies the file.
func (o *VerifyOptions) Run(ctx context.Context) error {
	var report *snapshot.Report
	err := o.look(ctx, func(f *snapshot.File, p *progress.Reporter) (err error) {
		report, err = f.Verify(ctx, p)
		return err
	})
	if err != nil {
		return err
	}
	if o.Format != output.JSON {
		fmt.Fprint(o.streams.Out, findings(report))
	}
	if err := verifyResult(o.name(), report).Print(o.streams.Out, o.Format); err != nil {
		return err
	}
	if !report.OK() {
		return output.WithHint(fmt.Errorf("%s: %w", o.name(), errFindings), "use another snapshot, or copy this one again from where it came")
	}
	return nil
}

// verifyJSON is the form of -w json.
type verifyJSON struct {
	Path string `json:"path"`
	OK   bool   `json:"ok"`
	*snapshot.Report
}

// findings lists what was found, one to a line.
func findings(r *snapshot.Report) string {
	var b strings.Builder
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "%-7s %s: %s\n", f.Severity, output.Clean(f.Where), output.Clean(f.What))
	}
	if r.Truncated {
		fmt.Fprintf(&b, "and more: only the first %d are listed\n", len(r.Findings))
	}
	return b.String()
}

func verifyResult(name string, r *snapshot.Report) output.Result {
	verdict := "OK"
	if !r.OK() {
		verdict = "NOT OK"
	}
	return output.Result{
		JSON: verifyJSON{name, r.OK(), r},
		Simple: fmt.Sprintf("%s: %s, trailer %s, records: %d, leases: %d\nsha256 %s",
			name, verdict, r.Trailer, r.Records, r.Leases, r.SHA256),
		Fields: []output.Field{
			{Name: "OK", Column: "ok", Value: r.OK()},
			{Name: "Findings", Column: "findings", Value: len(r.Findings)},
			{Name: "Records", Column: "records", Value: r.Records},
			{Name: "Leases", Column: "leases", Value: r.Leases},
			{Name: "Trailer", Column: "trailer", Value: string(r.Trailer)},
			{Name: "SHA256", Column: "sha256", Value: r.SHA256},
		},
	}
}
