package output

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// WithHint attaches the next step to an error, printed on a line of its own.
// The packages below pkg/ have their own; what counts is the method Hint.
func WithHint(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return hinted{err, fmt.Sprintf(format, args...)}
}

type hinted struct {
	error
	hint string
}

func (h hinted) Unwrap() error { return h.error }
func (h hinted) Hint() string  { return h.hint }

// hintOf returns the outermost hint in err's chain, which is the one given by
// whoever knew most about what the user was doing.
func hintOf(err error) string {
	if h := (interface{ Hint() string })(nil); errors.As(err, &h) {
		return h.Hint()
	}
	return ""
}

// Error prints err for a person: what failed, then the next step if any.
func Error(w io.Writer, err error) {
	fmt.Fprintf(w, "error: %s\n", cleanLines(err.Error()))
	if hint := hintOf(err); hint != "" {
		fmt.Fprintf(w, "hint: %s\n", cleanLines(hint))
	}
}

// exitError is the last line on stderr of a command that was asked for JSON.
type exitError struct {
	MessageType string `json:"message_type"`
	Code        int    `json:"code"`
	Message     string `json:"message"`
	Hint        string `json:"hint,omitempty"`
}

// ErrorJSON prints err as one JSON object on one line.
func ErrorJSON(w io.Writer, err error, code int) {
	line, marshalErr := json.Marshal(exitError{
		MessageType: "exit_error", Code: code, Message: err.Error(), Hint: hintOf(err),
	})
	if marshalErr != nil { // strings and an int: cannot happen
		Error(w, err)
		return
	}
	fmt.Fprintf(w, "%s\n", CleanJSON(line))
}

func cleanLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = Clean(line)
	}
	return strings.Join(lines, "\n")
}
