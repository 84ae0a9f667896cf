package agentpod

import (
	"context"
	"io"

	"github.com/etcd-restore/etcd-restore/pkg/transport/detached"
)

// Run is the process in the agent's pod: it runs the job and takes its manifest out when
// it has come to its end, whichever that is. A job whose context ends is not at its end:
// the kubelet has told it to go, and starts it again.
func (p Place) Run(ctx context.Context, name string, args []string, job func(ctx context.Context, log io.Writer) (code int)) error {
	stay, err := detached.Enter(p.Logs, name, "")
	if err != nil {
		return err
	}
	stay.Begin(args)
	code := job(ctx, stay.Log)
	stay.End("exit code %d", code)
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := stay.Log.Sync(); err != nil {
		return err
	}
	return p.remove(name)
}
