package recovery

import (
	"context"
	"errors"
	"os"

	"github.com/etcd-restore/etcd-restore/pkg/noderestore"
	"github.com/etcd-restore/etcd-restore/pkg/transport"
)

// upload brings the snapshot, and to each node its plan, onto the nodes: then it is
// known what is to be left behind there.
func (d *driver) upload(ctx context.Context, p *Plan) error {
	d.Progress.Phase("upload")
	snapshot, err := transport.OpenFile(ctx, cmpOr(d.Snapshot, p.Decision.Snapshot.Path))
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "etcd-restore-") // for the owner alone
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	type arrived struct{ name, plan, snapshot string }
	paths := make(chan arrived, len(d.names))
	failed := each(d.names, func(name string) error {
		plan, err := d.writePlan(ctx, p, name, dir)
		if err != nil {
			return err
		}
		there, err := transport.Send(ctx, d.nodes[name], snapshot, sent{name, d.Progress})
		if err != nil {
			return err
		}
		planThere, err := transport.Send(ctx, d.nodes[name], plan, nil)
		if err != nil {
			return err
		}
		paths <- arrived{name, planThere, there}
		return d.lookAgain(ctx, name, planThere, there)
	})
	close(paths)
	for there := range paths {
		d.jobs[there.name] = d.job(there.plan, there.snapshot)
	}
	return errors.Join(inOrder(failed)...)
}

// writePlan writes the plan of a node into a file, to be sent.
func (d *driver) writePlan(ctx context.Context, p *Plan, name, dir string) (transport.File, error) {
	text, err := p.node(name).Encode()
	if err != nil {
		return transport.File{}, err
	}
	f, err := os.CreateTemp(dir, "plan-") // a name may hold anything
	if err != nil {
		return transport.File{}, err
	}
	_, err = f.Write(text)
	if err := errors.Join(err, f.Close()); err != nil {
		return transport.File{}, err
	}
	return transport.OpenFile(ctx, f.Name())
}

// sent names a node by its member.
type sent struct {
	name string
	to   transport.Progress
}

// Sent implements transport.Progress.
func (s sent) Sent(_ string, done, size int64) { s.to.Sent(s.name, done, size) }

// lookAgain lets a node check everything with the snapshot at hand, while its answer can
// still be heard: what is left behind there answers nobody.
func (d *driver) lookAgain(ctx context.Context, name, plan, snapshot string) error {
	var found noderestore.Plan
	return ask(ctx, d.nodes[name], appear, nil, &found, append([]string{"node", "plan", plan, "--snapshot", snapshot}, d.ignoreFlags()...)...)
}
