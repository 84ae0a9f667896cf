package etcdrestore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/recovery"
)

// hookPatience is how long a hook may take.
const hookPatience = 5 * time.Minute

// hook is a command of somebody's own, and when it is run.
type hook struct{ when, command string }

// hookTimes are before and after each phase.
func hookTimes() (times []string) {
	for _, phase := range recovery.Phases() {
		times = append(times, "before-"+phase, "after-"+phase)
	}
	return times
}

// parseHooks reads the values of --hook.
func parseHooks(values []string) (hooks []hook, err error) {
	for _, v := range values {
		when, command, found := strings.Cut(v, "=")
		if !found || command == "" {
			return nil, fmt.Errorf("--hook must be PHASE=CMD, not %q", v)
		}
		if !slices.Contains(hookTimes(), when) {
			return nil, fmt.Errorf("--hook knows no %q: it is one of %s", when, strings.Join(hookTimes(), ", "))
		}
		hooks = append(hooks, hook{when, command})
	}
	return hooks, nil
}

// hookRunner runs hooks on this machine.
type hookRunner struct {
	hooks []hook
	run   string
	nodes []string
	out   io.Writer // for what they print
	told  func(when string)
}

// Fire implements recovery.Hooks.
func (h *hookRunner) Fire(ctx context.Context, when string) error {
	for _, hook := range h.hooks {
		if hook.when != when {
			continue
		}
		h.told(when)
		if err := h.do(ctx, hook); err != nil {
			return err
		}
	}
	return nil
}

func (h *hookRunner) do(ctx context.Context, k hook) error {
	limited, cancel := context.WithTimeout(ctx, hookPatience)
	defer cancel()
	cmd := exec.CommandContext(limited, "sh", "-c", k.command)
	cmd.Env = append(os.Environ(),
		"ETCD_RESTORE_RUN="+h.run, "ETCD_RESTORE_PHASE="+k.when, "ETCD_RESTORE_NODES="+strings.Join(h.nodes, ","))
	cmd.Stdout, cmd.Stderr = h.out, h.out
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case limited.Err() != nil:
		err = errors.New("it did not end within " + hookPatience.String())
	}
	return fmt.Errorf("%w: %s: %w", recovery.ErrHook, k.when, err)
}
