package etcdrestore

import (
	"errors"
	"fmt"
	"testing"

	"github.com/etcd-restore/etcd-restore/pkg/journal"
	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
	"github.com/etcd-restore/etcd-restore/pkg/workflow"
	"github.com/etcd-restore/etcd-restore/plugins/internal/exitcode"
)

// How a run ended is what counts, not what was in its way.
func TestExitCodes(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		err  error
		want exitcode.Code
	}{
		"rolled back":           {fmt.Errorf("%w: %w", workflow.ErrRolledBack, snapshot.ErrCorrupt), exitcode.RolledBack},
		"stuck":                 {fmt.Errorf("%w: %w", workflow.ErrStuck, workflow.ErrRolledBack), exitcode.NeedsPerson},
		"other steps":           {workflow.ErrPhases, exitcode.NeedsPerson},
		"committed":             {workflow.ErrCommitted, exitcode.Refused},
		"locked":                {journal.ErrLocked, exitcode.Refused},
		"unfinished and broken": {fmt.Errorf("%w: %w", journal.ErrUnfinished, journal.ErrCorrupt), exitcode.Refused},
		"no run":                {journal.ErrNoRun, exitcode.BadUsage},
		"damaged run":           {journal.ErrCorrupt, exitcode.Integrity},
		"unsafe folder":         {journal.ErrFolder, exitcode.Refused},
		"anything":              {errors.New("disk on fire"), exitcode.Failed},
	} {
		if got := exitcode.Of(tc.err, exitTable()); got != tc.want {
			t.Errorf("%s: %d, want %d", name, got, tc.want)
		}
	}
}
