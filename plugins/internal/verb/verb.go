// Package verb is what the verbs of both command trees have in common on cobra:
// how a mistake in the command line is worded, and how help looks.
package verb

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/etcd-restore/etcd-restore/plugins/internal/exitcode"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
)

// Prepare gives the root of a tree what all below it inherits.
func Prepare(root *cobra.Command) {
	root.SilenceUsage, root.SilenceErrors = true, true
	root.SetFlagErrorFunc(UsageError)
	root.CompletionOptions.HiddenDefaultCmd = true
	// Flags within 80 columns, as all else.
	root.SetUsageTemplate(strings.NewReplacer(
		".FlagUsages", ".FlagUsagesWrapped 80",
		`Use "{{.CommandPath}} [command] --help" for more information about a command.`,
		`See "{{.CommandPath}} COMMAND --help" for each of them.`,
	).Replace(root.UsageTemplate()))
}

// Group makes cmd a command that does nothing but hold others.
func Group(cmd *cobra.Command) {
	cmd.SuggestionsMinimumDistance = 2
	cmd.Args = cobra.ArbitraryArgs // so that RunE words the error about an unknown verb
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return unknown(cmd, args[0])
		}
		return cmd.Help()
	}
}

// UsageError marks err as a mistake in the command line.
func UsageError(cmd *cobra.Command, err error) error {
	return exitcode.Usage(output.WithHint(err, "see %s --help", cmd.CommandPath()))
}

func unknown(cmd *cobra.Command, name string) error {
	err := fmt.Errorf("unknown command %q", name)
	if similar := cmd.SuggestionsFor(name); len(similar) > 0 {
		return exitcode.Usage(output.WithHint(err, "did you mean %q?", similar[0]))
	}
	return UsageError(cmd, err)
}

// OneFile is the cobra.PositionalArgs of a verb that takes exactly one file.
func OneFile(cmd *cobra.Command, args []string) error {
	switch len(args) {
	case 1:
		return nil
	case 0:
		return UsageError(cmd, errors.New("FILE is missing"))
	default:
		return UsageError(cmd, fmt.Errorf("one FILE expected, got %d arguments", len(args)))
	}
}

// NoArgs is the cobra.PositionalArgs of a verb that takes none.
func NoArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return UsageError(cmd, fmt.Errorf("no argument expected, got %q", args[0]))
	}
	return nil
}

// DropBackquotes takes the marks of the values' names from the texts of all flags:
// a shell is shown the texts as they are.
func DropBackquotes(cmd *cobra.Command) {
	drop := func(f *pflag.Flag) { f.Usage = strings.ReplaceAll(f.Usage, "`", "") }
	cmd.PersistentFlags().VisitAll(drop)
	cmd.Flags().VisitAll(drop)
	for _, sub := range cmd.Commands() {
		DropBackquotes(sub)
	}
}
