//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// filtered is in the environment of the process that puts itself under the filter
// and then becomes the program.
const filtered = "STOPAT_FILTERED"

func main() {
	code, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "stopat:", err)
	}
	os.Exit(code)
}

func run(args []string) (code int, err error) {
	if os.Getenv(filtered) != "" {
		return 1, become(args) // returns only if it could not
	}
	hold := len(args) > 0 && args[0] == "-hold"
	if hold {
		args = args[1:]
	}
	if len(args) < 2 {
		return 2, errors.New("usage: stopat [-hold] LINE PROGRAM ARGUMENTS")
	}
	line, err := parsePlace(args[0])
	if err != nil {
		return 2, err
	}
	return supervise(line, hold, args[1:])
}

// supervise runs the program under the filter until it ends.
func supervise(at place, hold bool, program []string) (int, error) {
	cmd, listener, err := start(program)
	if err != nil {
		return 1, err
	}
	answered := make(chan error, 1)
	go func() { answered <- listener.answer(at, hold) }()
	err = cmd.Wait()
	if err := <-answered; err != nil {
		return 1, err
	}
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0, nil
	case !errors.As(err, &exit):
		return 1, err
	case exit.Sys().(syscall.WaitStatus).Signaled():
		return 128 + int(exit.Sys().(syscall.WaitStatus).Signal()), nil
	}
	return exit.ExitCode(), nil
}
