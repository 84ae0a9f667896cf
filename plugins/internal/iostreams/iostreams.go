// Package iostreams carries a process's standard streams as a value, so that a
// command writes where its caller, or its test, says.
package iostreams

import (
	"io"

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

// Width returns the number of columns of a terminal, or otherwise if stream is
// none or does not know its size.
func Width(stream any, otherwise int) int {
	f, ok := stream.(descriptor)
	if !ok {
		return otherwise
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil || width <= 0 {
		return otherwise
	}
	return width
}
