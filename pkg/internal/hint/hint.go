// Package hint attaches the next step to an error: what a person should do
// about it, kept apart from what went wrong so that a command can print it on
// a line of its own.
package hint

import (
	"fmt"
	"strings"
)

// New wraps err with the next step to take. The text of err does not change;
// a caller finds the hint with errors.As and interface{ Hint() string }.
// A nil err stays nil.
func New(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return &hinted{err: err, hint: fmt.Sprintf(format, args...)}
}

type hinted struct {
	err  error
	hint string
}

func (h *hinted) Error() string { return h.err.Error() }
func (h *hinted) Unwrap() error { return h.err }

// Hint returns the next step, a sentence or a command.
func (h *hinted) Hint() string { return h.hint }

// Path makes a path one word of a command that a person pastes into a shell.
func Path(path string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:=,@%+"
	if path != "" && strings.Trim(path, plain) == "" {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
