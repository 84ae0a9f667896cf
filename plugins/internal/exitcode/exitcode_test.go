package exitcode_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/etcd-restore/etcd-restore/plugins/internal/exitcode"
)

func TestOf(t *testing.T) {
	t.Parallel()
	corrupt, refused := errors.New("corrupt"), errors.New("refused")
	table := exitcode.Table{{corrupt, exitcode.Integrity}, {refused, exitcode.Refused}}

	for name, tc := range map[string]struct {
		err  error
		want exitcode.Code
	}{
		"success":                    {nil, exitcode.OK},
		"unknown error":              {errors.New("disk on fire"), exitcode.Failed},
		"sentinel":                   {corrupt, exitcode.Integrity},
		"wrapped sentinel":           {fmt.Errorf("read s.db: %w", refused), exitcode.Refused},
		"first rule wins":            {errors.Join(refused, corrupt), exitcode.Integrity},
		"usage":                      {exitcode.Usage(errors.New("unknown flag")), exitcode.BadUsage},
		"wrapped usage":              {fmt.Errorf("save: %w", exitcode.Usage(corrupt)), exitcode.BadUsage},
		"interrupted":                {fmt.Errorf("save: %w", context.Canceled), exitcode.Interrupted},
		"interrupted outranks":       {errors.Join(corrupt, context.Canceled), exitcode.Interrupted},
		"a deadline is no interrupt": {context.DeadlineExceeded, exitcode.Failed},
		"usage of nothing":           {exitcode.Usage(nil), exitcode.OK},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := exitcode.Of(tc.err, table); got != tc.want {
				t.Errorf("Of(%v) = %d, want %d", tc.err, got, tc.want)
			}
		})
	}
}

func TestHelpListsEveryCode(t *testing.T) {
	t.Parallel()
	help := exitcode.Help(exitcode.All()...)
	for _, c := range exitcode.All() {
		if c.Meaning() == "unknown" {
			t.Errorf("code %d has no meaning", c)
		}
		if !strings.Contains(help, fmt.Sprintf("%3d  %s\n", int(c), c.Meaning())) &&
			!strings.HasSuffix(help, c.Meaning()) {
			t.Errorf("help lacks code %d:\n%s", c, help)
		}
	}
}

// Whoever has pressed Ctrl-C is told so in words, whatever it came through.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"interrupted":                      context.Canceled,
		"interrupted: save":                fmt.Errorf("save: %w", context.Canceled),
		"interrupted: the disk is on fire": errors.New("the disk is on fire"),
	} {
		got := exitcode.Interrupt(err)
		if got.Error() != want || !errors.Is(got, err) {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
}
