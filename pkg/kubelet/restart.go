package kubelet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

// restartTimeout is how long a service manager may take: kubeadm's unit waits 10 s
// before it starts the kubelet again.
const restartTimeout = 30 * time.Second

// Restart starts the kubelet again, or for the first time, and waits until it is
// healthy. Where systemd runs it is asked; elsewhere the kubelet is told to end, and
// whatever keeps it running starts the next.
//
// A kubelet that starts while a container runs takes that for its own. To restart it
// between the removal of a manifest and the end of its containers keeps those alive
// for ever: see to it that they are gone first.
func Restart(ctx context.Context, healthz string) error {
	return restart(ctx, "/proc", end, healthz)
}

// restart looks for kubelets in proc. end ends the one with a process ID, 0 if there
// is none, and sees to it that another starts.
func restart(ctx context.Context, proc string, end func(context.Context, int) error, healthz string) error {
	ctx, cancel := context.WithTimeout(ctx, restartTimeout)
	defer cancel()
	before, err := find(proc)
	if err != nil && !errors.Is(err, ErrNotRunning) {
		return err
	}
	if err := end(ctx, before.pid); err != nil {
		return fmt.Errorf("%w: %w", ErrRestart, err)
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		now, err := find(proc)
		if err == nil && now.pid == before.pid && now.ticks == before.ticks {
			err = fmt.Errorf("process %d has not ended", before.pid)
		}
		if err == nil {
			err = ask(ctx, healthz)
		}
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return hint.New(fmt.Errorf("%w: %w: %w", ErrRestart, context.Cause(ctx), err), "start it: systemctl restart kubelet, and look at journalctl -u kubelet -n 50")
		case <-tick.C:
		}
	}
}

func end(ctx context.Context, pid int) error {
	if _, err := os.Stat("/run/systemd/system"); err == nil {
		out, err := exec.CommandContext(ctx, "systemctl", "restart", "kubelet").CombinedOutput()
		if err != nil {
			return fmt.Errorf("systemctl restart kubelet: %w: %s", err, strings.TrimSpace(string(out)))
		}
		return nil
	}
	return terminate(pid)
}

func terminate(pid int) error {
	if pid == 0 {
		return nil
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return nil
}
