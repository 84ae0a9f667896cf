package verb_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/etcd-restore/etcd-restore/plugins/internal/exitcode"
	"github.com/etcd-restore/etcd-restore/plugins/internal/verb"
)

// tree is a root with a group and a verb in it.
func tree() *cobra.Command {
	root := &cobra.Command{Use: "tool"}
	group := &cobra.Command{Use: "node"}
	leaf := &cobra.Command{Use: "save FILE", Args: verb.OneFile, RunE: func(*cobra.Command, []string) error { return nil }}
	leaf.Flags().String("from", "", "the `SOURCE`")
	verb.Prepare(root)
	verb.Group(root)
	verb.Group(group)
	group.AddCommand(leaf)
	root.AddCommand(group)
	return root
}

// A mistake is a usage error with a hint, and nothing is printed behind the
// caller's back.
func TestMistakes(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		args []string
		want string
		hint string
	}{
		"unknown verb":  {[]string{"explode"}, `unknown command "explode"`, "see tool --help"},
		"misspelt verb": {[]string{"node", "svae"}, `unknown command "svae"`, `did you mean "save"?`},
		"no file":       {[]string{"node", "save"}, "FILE is missing", "see tool node save --help"},
		"two files":     {[]string{"node", "save", "a", "b"}, "one FILE expected, got 2", "see tool node save --help"},
		"unknown flag":  {[]string{"node", "save", "--fsat"}, "--fsat", "see tool node save --help"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := tree()
			var out bytes.Buffer
			root.SetOut(&out)
			root.SetErr(&out)
			root.SetArgs(tc.args)
			err := root.Execute()
			var hinted interface{ Hint() string }
			if exitcode.Of(err, nil) != exitcode.BadUsage || !errors.As(err, &hinted) || !strings.Contains(err.Error(), tc.want) || hinted.Hint() != tc.hint {
				t.Errorf("%v", err)
			}
			if out.Len() > 0 {
				t.Errorf("printed %q", out.String())
			}
		})
	}
}

func TestDropBackquotes(t *testing.T) {
	t.Parallel()
	root := tree()
	verb.DropBackquotes(root)
	leaf, _, err := root.Find([]string{"node", "save"})
	if err != nil {
		t.Fatal(err)
	}
	if usage := leaf.Flags().Lookup("from").Usage; usage != "the SOURCE" {
		t.Error(usage)
	}
}
