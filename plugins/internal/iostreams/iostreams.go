// Package iostreams carries a process's standard streams as a value, so that a
// command writes where its caller, or its test, says.
package iostreams

import (
	"cmp"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"
)

// Streams are the three standard streams. Out is for results, ErrOut for
// everything meant for a person: progress, warnings, errors.
type Streams struct {
	In     io.Reader
	Out    io.Writer
	ErrOut io.Writer
}

// descriptor is what a stream has when it is an open file.
type descriptor interface{ Fd() uintptr }

// IsTerminal reports whether stream, a reader or a writer, is a terminal.
func IsTerminal(stream any) bool {
	f, ok := stream.(descriptor)
	return ok && term.IsTerminal(int(f.Fd()))
}

// Redraws reports whether stream is a terminal on which lines can be drawn again. One that
// calls itself dumb only goes on, as a shell in an editor does.
func Redraws(stream any) bool { return IsTerminal(stream) && os.Getenv("TERM") != "dumb" }

// DropEcho clears the ^C that a terminal has shown for the key, so that what is said next
// stands alone.
func DropEcho(w io.Writer) {
	if Redraws(w) {
		fmt.Fprint(w, "\r\x1b[K")
	}
}

// Width returns the number of columns of a terminal, or otherwise if stream is
// none or does not know its size.
func Width(stream any, otherwise int) int {
	width, _ := size(stream)
	return cmp.Or(width, otherwise)
}

// Height returns the number of its lines in the same way.
func Height(stream any, otherwise int) int {
	_, height := size(stream)
	return cmp.Or(height, otherwise)
}

func size(stream any) (width, height int) {
	f, ok := stream.(descriptor)
	if !ok {
		return 0, 0
	}
	width, height, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0, 0
	}
	return max(width, 0), max(height, 0)
}
