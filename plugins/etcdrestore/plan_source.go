package etcdrestore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/etcd-restore/etcd-restore/pkg/node"
	"github.com/etcd-restore/etcd-restore/pkg/noderestore"
	"github.com/etcd-restore/etcd-restore/plugins/internal/exitcode"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
)

// maker makes a plan for a node.
type maker func(context.Context, *node.Facts) (*noderestore.Plan, error)

// maker is what makes the plan. In a plan file all is decided: a flag that says
// otherwise must not be passed over in silence.
func (o *PlanOptions) maker() (maker, error) {
	isPlan, err := o.isPlan()
	switch {
	case err != nil:
		return nil, err
	case !isPlan && o.Snapshot != "":
		return nil, exitcode.Usage(fmt.Errorf("--snapshot is for a plan, and %s is none", o.Source))
	case !isPlan && o.WithoutSnapshot:
		return nil, exitcode.Usage(fmt.Errorf("--without-snapshot is for a plan, and %s is none", o.Source))
	case !isPlan:
		return o.make, nil
	case len(o.Members) > 0 || len(o.Destroyed) > 0 || o.SkipHashCheck:
		return nil, exitcode.Usage(output.WithHint(fmt.Errorf("%s is a plan, in which --member, --assert-destroyed, --skip-hash-check and --data-dir-mode are decided", o.Source), "leave them out, or make another plan with node plan"))
	}
	plan, err := o.read()
	if err != nil {
		return nil, err
	}
	if plan.Node.Mode == "" {
		plan.Node.Mode = noderestore.Mode(o.Mode)
	} else if o.given("data-dir-mode") {
		return nil, exitcode.Usage(output.WithHint(fmt.Errorf("%s is a plan, in which --data-dir-mode is decided", o.Source), "leave it out, or make another plan with node plan"))
	}
	return func(ctx context.Context, facts *node.Facts) (*noderestore.Plan, error) {
		return plan, plan.Adopt(ctx, facts)
	}, nil
}

// make is the maker for a snapshot.
func (o *PlanOptions) make(ctx context.Context, facts *node.Facts) (*noderestore.Plan, error) {
	return noderestore.Make(ctx, facts, noderestore.Wish{
		Snapshot: o.Source, SkipHashCheck: o.SkipHashCheck,
		Members: o.Members, Destroyed: o.Destroyed,
		Mode: noderestore.Mode(o.Mode), Now: time.Now(),
	})
}

// stdin is the name of standard input, which only a plan is read from.
const stdin = "-"

// isPlan looks at how the file begins. What is no file has no beginning that could be
// read twice, and a pipe without a writer would never open.
func (o *PlanOptions) isPlan() (bool, error) {
	if o.Source == stdin {
		return true, nil
	}
	if info, err := os.Stat(o.Source); err != nil || !info.Mode().IsRegular() {
		return false, nil // the snapshot's own check says what is wrong
	}
	f, err := os.Open(o.Source)
	if err != nil {
		return false, err
	}
	defer f.Close()
	head := make([]byte, 64)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return false, nil // the snapshot's own check says what is wrong
	}
	return noderestore.IsPlan(head[:n]), nil
}

// maxPlan is more than any plan has.
const maxPlan = 4 << 20

// read reads a plan, and where its snapshot is here.
func (o *PlanOptions) read() (*noderestore.Plan, error) {
	text, err := o.text()
	if err != nil {
		return nil, err
	}
	if text, err = yaml.YAMLToJSON(text); err != nil { // JSON is YAML, too
		return nil, fmt.Errorf("%w: %w", noderestore.ErrPlan, err)
	}
	plan, err := noderestore.Decode(text)
	if err != nil {
		return nil, err
	}
	if o.Snapshot != "" {
		plan.Decision.Snapshot.Path, err = filepath.Abs(o.Snapshot)
	}
	return plan, err
}

func (o *PlanOptions) text() ([]byte, error) {
	if o.Source == stdin {
		return io.ReadAll(io.LimitReader(o.streams.In, maxPlan))
	}
	return os.ReadFile(o.Source)
}
