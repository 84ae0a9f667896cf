//go:build linux

// Command stopat runs a program and kills it with SIGKILL at the moment its journal
// has come to a line, neither earlier nor later.
//
//	stopat [-hold] LINE PROGRAM ARG...
//
// LINE is the number of a line, or an event and the beginning of a step's name, as in
// intent:stage/ for the first step of that phase.
//
// A program that keeps a journal as pkg/journal does writes a line, calls fsync, and
// only then does what the line announces. A seccomp filter makes the kernel ask here
// before every fsync; the program waits in that call. So there is no race, and the
// program under test needs no seam for it. If the call is about a journal.jsonl that
// has come to the line, the program ends there; otherwise the call goes on.
//
// It exits with 137 if it killed the program, else as the program did.
//
// With -hold it leaves the program standing there, says so on standard error, and
// lets it go on when its own standard input ends. Meanwhile the world can be changed,
// or the plug be pulled.
package main
