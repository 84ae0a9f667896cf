package snapshotx

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/etcd-restore/etcd-restore/plugins/internal/verb"
)

// setFromEnvironment sets every persistent flag that was not given from its
// variable, as etcdctl does: --dial-timeout from ETCDCTL_DIAL_TIMEOUT. Where
// both are set, etcdctl gives up; here the flag wins.
func setFromEnvironment(cmd *cobra.Command) error {
	var wrong error
	cmd.Root().PersistentFlags().VisitAll(func(f *pflag.Flag) {
		variable := "ETCDCTL_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		value := os.Getenv(variable)
		if value == "" || f.Changed || wrong != nil {
			return
		}
		// Through the set, so that the flag counts as given.
		if err := cmd.Root().PersistentFlags().Set(f.Name, value); err != nil {
			wrong = verb.UsageError(cmd, fmt.Errorf("environment variable %s: %w", variable, err))
		}
	})
	return wrong
}
