package snapshotx

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/etcd-restore/etcd-restore/pkg/restore"
	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
)

// errSplit refuses to restore one member of several on its own terms
// (invariant I4).
var errSplit = errors.New("token, revision and snapshot must be one decision for all members")

// refuseSplit refuses to restore one member of a larger cluster with a token or
// a revision that the others cannot know, and gives the commands to run instead.
func (o *RestoreOptions) refuseSplit(ctx context.Context, cfg restore.Config) error {
	if o.AllMembers || len(cfg.Cluster.Members) == 1 {
		return nil
	}
	decided := o.Token != "" && cfg.Bump.Mode == restore.BumpBy
	if decided {
		return nil
	}
	if cfg.Stream != nil {
		return output.WithHint(fmt.Errorf("%w: %s is one of %d", errSplit, o.Name, len(cfg.Cluster.Members)),
			"save the snapshot to a file first, then run this again for the commands of all hosts")
	}
	plan, err := restore.Prepare(cfg)
	if err != nil {
		return err
	}
	if o.Token != "" && plan.Revision.Bump == 0 {
		return nil // nothing was chosen here that others do not know
	}
	if plan.Snapshot.SHA256 == "" {
		if plan.Snapshot.SHA256, err = sumOf(ctx, o.File); err != nil {
			return err
		}
	}
	var commands []string
	for _, m := range byName(cfg.Cluster.Members) {
		commands = append(commands, "  "+o.commandFor(m.Name, plan))
	}
	return output.WithHint(fmt.Errorf("%w: %s is one of %d", errSplit, o.Name, len(cfg.Cluster.Members)),
		"run on each host its own line, or use --all-members here and copy the directories:\n%s", strings.Join(commands, "\n"))
}

func sumOf(ctx context.Context, file string) (string, error) {
	f, err := snapshot.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum, _, err := f.Digest(ctx)
	return sum, err
}

// commandFor is the command that restores one member as the plan decides.
func (o *RestoreOptions) commandFor(name string, plan *restore.Plan) string {
	args := []string{"etcdctl-snapshot-x", "restore", o.File, "--name", name}
	add := func(flag, value string) { args = append(args, "--"+flag, value) }
	if o.given("data-dir") {
		add("data-dir", o.DataDir)
	}
	if o.given("wal-dir") {
		add("wal-dir", o.WALDir)
	}
	add("initial-cluster", o.initialCluster())
	add("initial-cluster-token", plan.Token)
	for _, l := range o.Learners {
		add("learner", l)
	}
	add("bump-revision", fmt.Sprint(plan.Revision.Bump))
	args = append(args, fmt.Sprintf("--mark-compacted=%t", plan.Revision.Bump > 0))
	add("expect-sha256", plan.Snapshot.SHA256)
	if o.TargetVersion != "" {
		add("target-version", o.TargetVersion)
	}
	for flag, on := range map[string]bool{
		"skip-hash-check": o.SkipHashCheck, "compact": o.Compact, "keep-alarms": o.KeepAlarms, "reset-auth": o.ResetAuth,
	} {
		if on {
			args = append(args, "--"+flag)
		}
	}
	for i, a := range args {
		args[i] = output.Quote(a)
	}
	return strings.Join(args, " ")
}
