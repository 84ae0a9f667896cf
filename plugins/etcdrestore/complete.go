package etcdrestore

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// completionTime is how long a shell waits for what may follow. Nothing is offered then.
const completionTime = 3 * time.Second

// completer is what cobra asks for values of an argument or of a flag.
type completer = func(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective)

// completeWith is a completer that asks for words, but not for long. What is in the way
// is of no use to somebody in the middle of a line.
func completeWith(words func(ctx context.Context, args []string) ([]string, error)) completer {
	return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(cmd.Context(), completionTime)
		defer cancel()
		found, err := words(ctx, args)
		if err != nil {
			cobra.CompDebugln(err.Error(), false)
		}
		return found, cobra.ShellCompDirectiveNoFileComp
	}
}

// completeList completes the last of words with commas between them.
func completeList(complete completer) completer {
	return func(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		done := begun[:strings.LastIndex(begun, ",")+1]
		words, directive := complete(cmd, args, begun[len(done):])
		offered := []cobra.Completion{}
		for _, w := range words {
			if !slices.Contains(strings.Split(done, ","), w) {
				offered = append(offered, done+w)
			}
		}
		return offered, directive | cobra.ShellCompDirectiveNoSpace
	}
}

// completeOnce is a completer for the first argument.
func completeOnce(complete completer) completer {
	return func(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return complete(cmd, args, begun)
	}
}

// without are the words that are not among those given.
func without(words, given []string) []string {
	return slices.DeleteFunc(words, func(w string) bool {
		word, _, _ := strings.Cut(w, "\t") // behind which is what it means
		return slices.Contains(given, word)
	})
}
