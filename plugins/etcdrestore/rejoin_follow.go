package etcdrestore

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/journal"
	"github.com/etcd-restore/etcd-restore/pkg/transport"
	"github.com/etcd-restore/etcd-restore/pkg/workflow"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
)

// follow shows what a run does on its node until it ends, over connections that break.
func (o *RejoinOptions) follow(ctx context.Context, target transport.Node, name, id string) error {
	shown := &followed{steps: newSteps(o.Options, o.streams)}
	defer shown.steps.Finish()
	lost := time.Time{}
	for {
		err := o.listen(ctx, target, id, shown)
		switch {
		case err == nil:
			return o.ended(target, shown)
		case ctx.Err() != nil:
			return output.WithHint(ctx.Err(), "the node goes on by itself; follow it again: %s", o.command("rejoin "+output.Quote(name)))
		case !errors.Is(err, transport.ErrConnection):
			return output.WithHint(err, "look on %s at what it wrote: %s", target.Name(), transport.Logs)
		case lost.IsZero():
			lost = time.Now()
		case time.Since(lost) > o.Sync:
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

func (o *RejoinOptions) listen(ctx context.Context, target transport.Node, id string, shown *followed) error {
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- shown.read(r)
		_, _ = io.Copy(io.Discard, r)
	}()
	err := target.Run(ctx, transport.Command{Args: []string{"node", "follow", id, "--appear-timeout", "2m"}, Stdout: w})
	w.Close()
	return errors.Join(err, <-done)
}

// followed is what has been shown of a run.
type followed struct {
	steps *steps
	seq   int
	state *runStatus
}

func (f *followed) read(r io.Reader) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var l followLine
		if err := json.NewDecoder(bytes.NewReader(lines.Bytes())).Decode(&l); err != nil {
			return err
		}
		f.state = l.State
		if l.Record != nil && l.Record.Seq > f.seq {
			f.seq = l.Record.Seq
			f.show(*l.Record)
		}
	}
	return lines.Err()
}

func (f *followed) show(r journal.Record) {
	phase, step, _ := strings.Cut(r.Step, "/")
	switch r.Event {
	case journal.Intent, journal.Undoing:
		f.steps.Begin(phase, step, r.Event == journal.Undoing)
	case journal.Done, journal.Undone:
		f.steps.End(phase, step, r.Event == journal.Undone, nil)
	case journal.Failed:
		f.steps.End(phase, step, false, errors.New(r.Error))
	}
}

// ended says what became of the run.
func (o *RejoinOptions) ended(target transport.Node, shown *followed) error {
	s := shown.state
	if s == nil || s.RunPlan == nil {
		return fmt.Errorf("%w: %s tells nothing of its run", transport.ErrConnection, target.Name())
	}
	report := rejoinReport{
		TypeMeta: TypeMeta{apiVersion, "NodeRejoin"}, Run: s.Name, Outcome: s.State, Member: s.Member, ClusterID: s.ClusterID,
		DataDir: s.NewData, OldDataDir: s.OldData,
	}
	if s.Mode == "swap" {
		report.DataDir, report.OldDataDir = s.OldData, s.NewData
	}
	switch s.State {
	case string(journal.Complete):
		return o.printDone(o.streams, "the node has rejoined", report)
	case string(journal.RolledBack):
		return fmt.Errorf("%s: %w: %s", target.Name(), workflow.ErrRolledBack, s.StepError)
	}
	return output.WithHint(fmt.Errorf("%s: %w at step %s: %s", target.Name(), workflow.ErrStuck, s.Step, s.StepError),
		"mend the cause, then: %s; or back, on the node: %s node rollback %s", o.command("rejoin "+output.Quote(s.Member)), o.Program, s.Name)
}
