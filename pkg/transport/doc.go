// Package transport runs this program on the nodes of a control plane.
//
// A Node takes the arguments of a verb, such as {"node", "status", "-o", "json"}, and
// runs them there. How it gets there is the business of the packages below: local (this
// machine), ssh and pod. All of them start one and the same command line, PROGRAM agent;
// the arguments travel on its standard input, where no shell sees them:
//
//	{"args":["node","status","-o","json"]}\n     one line
//	chunks as in HTTP/1.1 (RFC 9112, 7.1)        standard input of the verb
//	…                                            open for as long as anybody waits
//
// When that stream ends early the caller has gone, and the agent gives the verb up:
// nothing is left running by accident. What shall outlive the connection is started with
// Leave.
//
// An error comes back as the last line of JSON on standard error, with the exit code of
// the program, and becomes an ExitError here.
package transport

import (
	"errors"
	"fmt"
)

var (
	// ErrConnection is returned when a node cannot be reached, or the connection broke:
	// what became of the program there is not known.
	ErrConnection = errors.New("no connection to the node")
	// ErrProgram is returned when this program cannot be used on a node.
	ErrProgram = errors.New("the program cannot be used on the node")
	// ErrRequest is returned by the agent for input that no transport has sent.
	ErrRequest = errors.New("not a request of a transport")
	// ErrGone is why a verb ends whose caller has gone.
	ErrGone = errors.New("the caller has gone")
)

// ExitError is how the program on a node ended, if not well.
type ExitError struct {
	Node    string
	Code    int    // by the table of exit codes
	Message string // what the program said, in one or more lines
	Next    string // its hint, "" for none
}

func (e *ExitError) Error() string {
	if e.Message == "" {
		return fmt.Sprintf("%s: exit code %d", e.Node, e.Code)
	}
	return e.Node + ": " + e.Message
}

// Hint is the next step that the program on the node gave.
func (e *ExitError) Hint() string { return e.Next }
