package agentpod

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
	"github.com/etcd-restore/etcd-restore/pkg/staticpod"
)

// startTime is how long the kubelet may take to start an agent. It looks at its folder at
// once, and needs a second or two where nothing is wrong.
const startTime = 45 * time.Second

// Leave puts the manifest of a job in place and returns once the job runs, or has come to
// its end already. A job of that name that is there is left as it is.
func (p Place) Leave(ctx context.Context, name string, text []byte) error {
	if err := check(name); err != nil {
		return err
	}
	if runs, err := p.Runs(name); err != nil || runs {
		return err
	}
	_, err := os.Lstat(p.manifest(name))
	placed := errors.Is(err, os.ErrNotExist)
	if placed {
		err = p.place(name, text)
	}
	if err != nil {
		return err
	}
	return p.await(ctx, name, placed)
}

func (p Place) place(name string, text []byte) error {
	parsed, err := staticpod.Parse(text)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrManifest, err)
	}
	if parsed.Pod.Labels["app.kubernetes.io/name"] != "etcd-restore" || parsed.Pod.Labels["app.kubernetes.io/instance"] != name {
		return fmt.Errorf("%w: it has other labels", ErrManifest)
	}
	if err := p.FS.RemoveAll(p.coming(name)); err != nil {
		return err
	}
	if err := p.FS.WriteFile(p.coming(name), text); err != nil {
		return err
	}
	if err := p.FS.Rename(p.coming(name), p.manifest(name)); err != nil {
		return errors.Join(err, p.FS.RemoveAll(p.coming(name)))
	}
	return nil
}

// await waits until the job runs, or has run: it takes its manifest out as its last deed.
// One that does not start is taken back, if it was placed now: one that was there before is
// of a run that goes on whenever the kubelet comes to it, after a power cut say.
func (p Place) await(ctx context.Context, name string, placed bool) error {
	limited, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		if runs, err := p.Runs(name); err != nil || runs {
			return err
		}
		if _, err := os.Lstat(p.manifest(name)); errors.Is(err, os.ErrNotExist) {
			return nil
		}
		select {
		case <-tick.C:
			continue
		case <-limited.Done():
		}
		var err error
		if placed {
			err = p.remove(name)
		}
		if ctx.Err() != nil {
			return errors.Join(ctx.Err(), err)
		}
		return errors.Join(hint.New(fmt.Errorf("%w within %s: %s", ErrNotStarted, startTime, p.manifest(name)),
			"see what the kubelet says of it: journalctl -u kubelet -n 100 | grep %s%s", prefix, name), err)
	}
}
