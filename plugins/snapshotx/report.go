package snapshotx

import (
	"errors"
	"fmt"
	"io"

	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
)

// errReport is returned when the work is done and only its report is lost.
var errReport = errors.New("the report could not be written")

// printable is a result in every form.
type printable interface {
	Print(io.Writer, output.Format) error
}

// printDone prints the result of a verb that has changed something. That it
// cannot be printed does not undo the work, and must not look as if it did.
func printDone(o *Options, streams Streams, done string, r printable) error {
	if err := r.Print(streams.Out, o.Format); err != nil {
		return output.WithHint(fmt.Errorf("%s, but %w: %w", done, errReport, err), "look at what stands before you run it again")
	}
	return nil
}
