package etcdrestore

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/etcd-restore/etcd-restore/plugins/internal/verb"
)

// kubectlScript is what kubectl runs, from 1.26 on, to complete the arguments of a plugin:
// a program on PATH with the plugin's name behind kubectl_complete-.
const kubectlScript = `#!/bin/sh
# Completes "kubectl etcd-restore": on PATH as kubectl_complete-etcd_restore.
exec kubectl etcd-restore __complete "$@"
`

// addCompletion adds cobra's command of completion scripts, with one for kubectl, which
// completes its plugins by itself.
func addCompletion(root *cobra.Command, streams Streams) {
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		if cmd.Name() == "completion" {
			cmd.AddCommand(newCmdCompletionKubectl(streams))
		}
	}
}

func newCmdCompletionKubectl(streams Streams) *cobra.Command {
	return &cobra.Command{
		Use:   "kubectl",
		Short: "Generate the program that kubectl asks to complete its plugin",
		Long: `Generate the program that kubectl, from 1.26 on, asks to complete the arguments
of kubectl etcd-restore. It has to be on PATH, and kubectl's own completion to be
loaded in the shell.`,
		Example: `  kubectl etcd-restore completion kubectl > kubectl_complete-etcd_restore
  sudo install -m 755 kubectl_complete-etcd_restore /usr/local/bin`,
		Args: verb.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprint(streams.Out, kubectlScript)
			return err
		},
	}
}
