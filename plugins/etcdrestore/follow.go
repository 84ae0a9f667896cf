package etcdrestore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/etcd-restore/etcd-restore/pkg/journal"
	"github.com/etcd-restore/etcd-restore/pkg/transport/detached"
	"github.com/etcd-restore/etcd-restore/plugins/internal/exitcode"
)

// NewCmdNodeFollow returns the verb node follow, which is for who drives several nodes.
func NewCmdNodeFollow(n *NodeOptions) *cobra.Command {
	o := &FollowOptions{NodeOptions: n}
	cmd := &cobra.Command{
		Use:    "follow [RUN]",
		Hidden: true,
		Short:  "Tell of a restore of this node as it goes on",
		Long: `Tell of all that has happened in a restore of this node, and go on to tell as it
happens: a line of JSON {"record": ...} for each line of its journal. It ends
when the run is finished, or no process works on it. The last line is {"state":
...}, as an item of node runs -o json; or {"absent": "why"} if there is no run
and the --job that was left to make it has ended.

` + exitcode.Help(exitcode.OK, exitcode.Failed, exitcode.BadUsage, exitcode.Integrity, exitcode.Interrupted),
		Args: oneRun,
		RunE: func(cmd *cobra.Command, args []string) error {
			name := ""
			if len(args) > 0 {
				name = args[0]
			}
			return o.Run(cmd.Context(), name)
		},
	}
	o.AddFlags(cmd.Flags())
	return cmd
}

// FollowOptions are the flags of node follow.
type FollowOptions struct {
	*NodeOptions
	Appear time.Duration // for the run to begin
	Job    string        // that makes it
}

// AddFlags adds the flags of the verb.
func (o *FollowOptions) AddFlags(fs *pflag.FlagSet) {
	fs.DurationVar(&o.Appear, "appear-timeout", 0, "for the run to begin")
	fs.StringVar(&o.Job, "job", "", "what was left here to make the run: do not wait once it has ended without")
}

// followLine is a line: a record; or the state, which is the last, or why there is no run
// and none will come.
type followLine struct {
	Record *journal.Record `json:"record,omitempty"`
	State  *runStatus      `json:"state,omitempty"`
	Absent string          `json:"absent,omitempty"`
}

// errAbsent is returned where there is no run, and nothing that would make it.
var errAbsent = errors.New("no run was made")

// Run follows.
func (o *FollowOptions) Run(ctx context.Context, name string) error {
	lines := json.NewEncoder(o.streams.Out)
	run, err := o.await(ctx, name)
	if errors.Is(err, errAbsent) {
		return lines.Encode(followLine{Absent: err.Error()})
	} else if err != nil {
		return err
	}
	end, busy, err := journal.Follow(ctx, o.runsFolder(), run.Name, func(r journal.Record) error {
		return lines.Encode(followLine{Record: &r})
	})
	state := newRunStatus(end).in(busy)
	return errors.Join(err, lines.Encode(followLine{State: &state}))
}

// await waits for the run to begin.
func (o *FollowOptions) await(ctx context.Context, name string) (journal.Summary, error) {
	for begun := time.Now(); ; {
		run, err := o.find(name)
		if !errors.Is(err, journal.ErrNoRun) || time.Since(begun) > o.Appear {
			return run, err
		}
		if why := o.absent(name); why != nil {
			return journal.Summary{}, why
		}
		select {
		case <-ctx.Done():
			return journal.Summary{}, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// absent says why a run that is not there will not be: what was left to make it has ended.
// One whose static pod is there yet is started again. It is asked only where there is no
// run, since to look at a lock is to hold it for a moment.
func (o *FollowOptions) absent(name string) error {
	if o.Job == "" {
		return nil
	}
	if runs, err := detached.Running(o.logs(), o.Job); err != nil || runs || o.agents().Placed(o.Job) {
		return err
	}
	if _, err := o.find(name); !errors.Is(err, journal.ErrNoRun) {
		return nil // made in the meantime
	}
	why, err := detached.LastWords(o.logs(), o.Job)
	if err != nil {
		return err
	}
	if why == "" {
		why = "what was to make it has ended without a word"
	}
	return fmt.Errorf("%w: %s", errAbsent, why)
}
