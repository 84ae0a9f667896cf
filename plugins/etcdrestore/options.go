package etcdrestore

import (
	"os"
	"os/exec"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
	"github.com/etcd-restore/etcd-restore/plugins/internal/progress"
)

// Options are the flags that every verb has. They are filled in before a verb's
// RunE is called.
type Options struct {
	*genericclioptions.ConfigFlags
	Format   Format
	Progress progress.Mode

	Program string // what a person types to run this: see programName

	remote bool // somebody elsewhere reads the error: see runAgent
}

func newOptions() *Options {
	return &Options{
		ConfigFlags: genericclioptions.NewConfigFlags(true),
		Progress:    progress.Auto,
		Program:     programName(),
	}
}

// programName is the plugin's name, or the file's on a machine without kubectl,
// where a command that begins with kubectl would be of no use.
func programName() string {
	if os.Getenv("KUBECTL_PATH") != "" { // kubectl has started us
		return plugin
	}
	if _, err := exec.LookPath("kubectl"); err == nil {
		return plugin
	}
	return "kubectl-etcd_restore"
}

// AddFlags adds kubectl's flags, --output and --progress.
func (o *Options) AddFlags(fs *pflag.FlagSet) {
	o.ConfigFlags.AddFlags(fs)
	fs.VarP(&o.Format, "output", "o", "form of the result: json or yaml (default: a text for a person)")
	fs.Var(&o.Progress, "progress", "progress on stderr: auto, bar, plain, json or none")
}

// registerCompletion offers the values of the flags of AddFlags to the shell.
func (o *Options) registerCompletion(cmd *cobra.Command) error {
	for flag, values := range map[string][]string{"output": Formats(), "progress": progress.Modes()} {
		complete := cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)
		if err := cmd.RegisterFlagCompletionFunc(flag, complete); err != nil {
			return err
		}
	}
	return nil
}

// Reporter returns the progress that the flags ask for. Finish it.
func (o *Options) Reporter(streams Streams) *progress.Reporter {
	return progress.New(o.Progress, streams.ErrOut)
}

// connection are the flags that lead to the API server, as they have to be typed again to
// get to the same one as the same person. A token is not repeated, only that there was one.
func (o *Options) connection() (flags string) {
	add := func(flag, value string) {
		if value != "" {
			flags += " --" + flag + " " + output.Quote(value)
		}
	}
	for _, f := range []struct {
		name  string
		value *string
	}{
		{"kubeconfig", o.KubeConfig},
		{"context", o.Context},
		{"cluster", o.ClusterName},
		{"user", o.AuthInfoName},
		{"server", o.APIServer},
		{"tls-server-name", o.TLSServerName},
		{"certificate-authority", o.CAFile},
		{"client-certificate", o.CertFile},
		{"client-key", o.KeyFile},
		{"as", o.Impersonate},
		{"as-uid", o.ImpersonateUID},
	} {
		add(f.name, *f.value)
	}
	for _, group := range *o.ImpersonateGroup {
		add("as-group", group)
	}
	if *o.Insecure {
		flags += " --insecure-skip-tls-verify"
	}
	if *o.BearerToken != "" {
		flags += ` --token "$TOKEN"`
	}
	return flags
}

// annotationCluster marks a verb that talks to the API server. Only its help shows
// flags of kubectl; they are accepted everywhere.
const annotationCluster = "cluster"

// connectionFlags are those of kubectl's that a person needs here. The other twenty,
// which `kubectl options` lists, would bury our own.
func connectionFlags() []string { return []string{"kubeconfig", "context"} }

// showConnectionFlagsOnlyWhereUsed keeps the flags of kubectl out of the help of verbs
// that need no API server, and most of them out of every help.
func showConnectionFlagsOnlyWhereUsed(root *cobra.Command) {
	names := pflag.NewFlagSet("", pflag.ContinueOnError)
	genericclioptions.NewConfigFlags(true).AddFlags(names)
	help := root.HelpFunc()
	root.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		_, used := cmd.Annotations[annotationCluster]
		names.VisitAll(func(f *pflag.Flag) {
			root.PersistentFlags().Lookup(f.Name).Hidden = !used || !slices.Contains(connectionFlags(), f.Name)
		})
		help(cmd, args)
	})
}
