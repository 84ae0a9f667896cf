package snapshotx

import (
	"context"

	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
	"github.com/etcd-restore/etcd-restore/plugins/internal/progress"
)

// stdin is the file name that means standard input.
const stdin = "-"

// Input is what every verb that looks into a snapshot has.
type Input struct {
	*Options
	File string

	streams Streams
}

// look opens the snapshot and lets read look into it. The progress is finished
// when it returns, so that the result comes below it.
func (i *Input) look(ctx context.Context, read func(*snapshot.File, *progress.Reporter) error) error {
	f, err := i.open(ctx)
	if err != nil {
		return err
	}
	defer f.Close()
	reporter := i.Reporter(i.streams)
	defer reporter.Finish()
	return read(f, reporter)
}

func (i *Input) open(ctx context.Context) (*snapshot.File, error) {
	if i.File == stdin {
		return snapshot.Spool(i.name(), snapshot.Interruptible(ctx, i.streams.In))
	}
	return snapshot.Open(i.File)
}

// name is how messages call the snapshot.
func (i *Input) name() string {
	if i.File == stdin {
		return "standard input"
	}
	return i.File
}
