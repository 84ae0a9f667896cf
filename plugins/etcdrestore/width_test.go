package etcdrestore

import (
	"io"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// What a command says of itself fits a terminal of 80 columns.
func TestHelpFits(t *testing.T) {
	t.Parallel()
	var look func(cmd *cobra.Command)
	look = func(cmd *cobra.Command) {
		for line := range strings.Lines(cmd.Long) {
			if line = strings.TrimRight(line, "\n"); len(line) > columns {
				t.Errorf("%s: %d columns: %s", cmd.CommandPath(), len(line), line)
			}
		}
		if line := "  " + cmd.Name() + "  " + cmd.Short; !cmd.Hidden && len(line) > columns {
			t.Errorf("%s: %d columns: %s", cmd.CommandPath(), len(line), line)
		}
		for _, sub := range cmd.Commands() {
			look(sub)
		}
	}
	look(NewRoot(Streams{In: strings.NewReader(""), Out: io.Discard, ErrOut: io.Discard}))
}
