// Package prompt asks a person before something is done that cannot be taken back
// by a key.
package prompt

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/etcd-restore/etcd-restore/plugins/internal/iostreams"
)

var (
	// ErrNoTerminal is returned where there is nobody to ask.
	ErrNoTerminal = errors.New("there is no terminal to ask on")
	// ErrDeclined is returned when the answer was not yes.
	ErrDeclined = errors.New("not confirmed, nothing was changed")
)

// Confirm asks a question on the terminal, to which anything but yes is no. It never
// waits where no person can answer.
func Confirm(ctx context.Context, streams iostreams.Streams, question string) error {
	if !iostreams.IsTerminal(streams.In) || !iostreams.IsTerminal(streams.ErrOut) {
		return ErrNoTerminal
	}
	fmt.Fprintf(streams.ErrOut, "%s [y/N] ", question)
	answer := make(chan string, 1)
	go func() { // whoever interrupts leaves it waiting, and the process ends
		line, _ := bufio.NewReader(streams.In).ReadString('\n')
		answer <- line
	}()
	select {
	case <-ctx.Done():
		fmt.Fprintln(streams.ErrOut)
		return fmt.Errorf("nothing was changed: %w", ctx.Err())
	case line := <-answer:
		if !strings.HasSuffix(line, "\n") { // Ctrl-D leaves the cursor behind the question
			fmt.Fprintln(streams.ErrOut)
		}
		switch strings.ToLower(strings.TrimSpace(line)) {
		case "y", "yes":
			return nil
		}
		return ErrDeclined
	}
}
