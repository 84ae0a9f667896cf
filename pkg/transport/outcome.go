package transport

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"unicode"
)

// maxLine bounds what is kept of a line that does not end, in bytes.
const maxLine = 64 << 10

// exitLine is how the program says in JSON why it failed.
type exitLine struct {
	MessageType string `json:"message_type"`
	Message     string `json:"message"`
	Hint        string `json:"hint"`
}

const exitError = "exit_error"

// Outcome is a writer for the standard error of a program: it takes the error out of it
// and passes the rest on, line by line and free of what a terminal would obey.
type Outcome struct {
	node string
	rest io.Writer
	line []byte
	last string // line that was no error: where a program dies without one it says most
	exit *ExitError
}

// NewOutcome is for one run of a program on a node. rest may be nil.
func NewOutcome(node string, rest io.Writer) *Outcome {
	if rest == nil {
		rest = io.Discard
	}
	return &Outcome{node: node, rest: rest}
}

func (o *Outcome) Write(p []byte) (int, error) {
	n := len(p)
	for {
		before, after, whole := bytes.Cut(p, []byte("\n"))
		o.line = append(o.line, before...)
		if !whole && len(o.line) < maxLine {
			return n, nil
		}
		if err := o.take(); err != nil {
			return 0, err
		}
		if p = after; !whole {
			return n, nil
		}
	}
}

// take deals with one line.
func (o *Outcome) take() error {
	line := o.line
	o.line = nil
	var e exitLine
	if bytes.HasPrefix(line, []byte("{")) && json.Unmarshal(line, &e) == nil && e.MessageType == exitError {
		o.exit = &ExitError{Node: o.node, Message: clean(e.Message), Next: clean(e.Hint)}
		return nil
	}
	text := clean(string(line))
	if strings.TrimSpace(text) != "" {
		o.last = text
	}
	_, err := io.WriteString(o.rest, text+"\n")
	return err
}

// Err is the error of a program that ended with this code.
func (o *Outcome) Err(code int) error {
	if len(o.line) > 0 {
		_ = o.take() // nobody waits for the rest of its line
	}
	switch {
	case code == 0:
		return nil
	case o.exit != nil:
		o.exit.Code = code
		return o.exit
	default:
		return &ExitError{Node: o.node, Code: code, Message: o.last}
	}
}

// clean drops what a terminal would obey; lines and tabs stay.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || unicode.IsPrint(r) {
			return r
		}
		return -1
	}, s)
}
