package etcdrestore

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/etcd-restore/etcd-restore/pkg/kubeobject"
	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
	"github.com/etcd-restore/etcd-restore/plugins/internal/exitcode"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
	"github.com/etcd-restore/etcd-restore/plugins/internal/verb"
)

// raw is the form of the bytes as they are stored.
const raw = "raw"

// NewCmdGet returns the verb get.
func NewCmdGet(streams Streams, opts *Options) *cobra.Command {
	o := &GetOptions{ObjectsOptions: ObjectsOptions{Options: opts, streams: streams}, print: genericclioptions.NewPrintFlags("")}
	cmd := &cobra.Command{
		Use:   "get SNAPSHOT (RESOURCE [NAME] | RESOURCE/NAME)",
		Short: "Print objects out of a snapshot",
		Long: `Print an object out of a snapshot as the API server would have, or all objects
of a RESOURCE as a list. RESOURCE is what kubectl calls it. An object is printed
in the version in which it is stored. Without -n it is looked for in all
namespaces, and must be in one only.

With --for-apply it can be created again, with kubectl apply: what the API
server owns is left out (uid, resourceVersion, status and the like), as are
references to owners that are not in the snapshot, and what it would refuse in
a new object, such as the selector that it once made for a job.

The data of Secrets are masked unless there is --show-secrets.

` + exitcode.Help(exitcode.OK, exitcode.Failed, exitcode.BadUsage, exitcode.Integrity, exitcode.Refused, exitcode.Interrupted),
		Example: `  # One object, as YAML
  kubectl etcd-restore get snapshot.db deployment web -n shop
  kubectl etcd-restore get snapshot.db cm/settings -n shop -o jsonpath={.data}

  # Put it back into the cluster
  kubectl etcd-restore get snapshot.db deploy/web -n shop --for-apply |
    kubectl apply -f -

  # All of them
  kubectl etcd-restore get snapshot.db configmaps -n shop -o json`,
		Args: func(cmd *cobra.Command, args []string) error {
			if err := o.take(args); err != nil {
				return verb.UsageError(cmd, err)
			}
			return nil
		},
		ValidArgsFunction: o.completeArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.Validate(); err != nil {
				return verb.UsageError(cmd, err)
			}
			return o.Run(cmd.Context())
		},
	}
	o.AddFlags(cmd.Flags())
	o.print.AddFlags(cmd)
	cmd.Flags().Lookup("output").Usage = "`FORM`: yaml, json, name, jsonpath=TEMPLATE, go-template=TEMPLATE, raw and others of kubectl's (default: yaml)"
	forms := append(o.print.AllowedFormats(), raw)
	err := errors.Join(
		cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(forms, cobra.ShellCompDirectiveNoFileComp)),
		cmd.RegisterFlagCompletionFunc("namespace", o.completeNamespaces),
	)
	if err != nil {
		panic(err) // a flag that does not exist: found by any test that makes the command
	}
	return cmd
}

// GetOptions are the flags of get.
type GetOptions struct {
	ObjectsOptions
	Resource    string
	Name        string // empty: all
	ForApply    bool
	ShowSecrets bool

	print   *genericclioptions.PrintFlags
	printer printers.ResourcePrinter
}

// AddFlags adds the flags of get.
func (o *GetOptions) AddFlags(fs *pflag.FlagSet) {
	o.ObjectsOptions.AddFlags(fs)
	fs.StringVarP(o.Namespace, "namespace", "n", "", "the `NAMESPACE` of the object")
	fs.BoolVar(&o.ForApply, "for-apply", false, "leave out what stands in the way of kubectl apply")
	fs.BoolVar(&o.ShowSecrets, "show-secrets", false, "print the data of Secrets")
}

func (o *GetOptions) completeArgs(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	switch {
	case len(args) == 0:
		return nil, cobra.ShellCompDirectiveDefault
	case len(args) == 1:
		return o.completeChoice(args[0])(cmd, args, begun)
	case len(args) == 2 && !strings.Contains(args[1], "/"):
		return o.completeNames(args[0], args[1], "")(cmd, args, begun)
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}

// take reads the arguments.
func (o *GetOptions) take(args []string) error {
	switch len(args) {
	case 0:
		return errors.New("SNAPSHOT is missing")
	case 1:
		return errors.New("RESOURCE is missing")
	case 2:
		o.Resource, o.Name, _ = strings.Cut(args[1], "/")
	case 3:
		o.Resource, o.Name = args[1], args[2]
	default:
		return fmt.Errorf("SNAPSHOT, RESOURCE and NAME expected, got %d arguments", len(args))
	}
	o.Snapshot = args[0]
	return nil
}

// Validate finds mistakes that no flag can find alone.
func (o *GetOptions) Validate() (err error) {
	o.Form = *o.print.OutputFormat
	if o.Form == "" {
		o.Form = string(YAML)
	}
	switch {
	case o.Form == raw && o.ForApply:
		return errors.New("--for-apply changes an object, and -o raw does not")
	case o.Form == raw && o.Name == "":
		return errors.New("-o raw is for one object: NAME is missing")
	case o.Form != raw:
		*o.print.OutputFormat = o.Form
		if o.Form == string(YAML) {
			*o.print.OutputFormat = string(JSON) // and from there: see show
		}
		if o.printer, err = o.print.ToPrinter(); err != nil {
			return err
		}
	}
	return o.ObjectsOptions.Validate()
}

// Run prints.
func (o *GetOptions) Run(ctx context.Context) error {
	return o.look(func(f *snapshot.File, opts kubeobject.Options) error {
		ix, names, err := indexOf(ctx, f, opts)
		if err != nil {
			return err
		}
		resources, err := o.resources(names, o.Resource)
		if err != nil {
			return err
		}
		g := &getter{GetOptions: o, ix: ix, names: names}
		switch {
		case o.Name == "":
			return g.all(ctx, resources)
		case len(resources) > 1:
			return exitcode.Usage(output.WithHint(fmt.Errorf("one RESOURCE expected beside a NAME, got %q", o.Resource), "leave out the NAME, or all but one"))
		}
		e, err := g.find(resources[0])
		if err != nil {
			return err
		}
		if o.Form == raw {
			return g.raw(e)
		}
		return g.one(e)
	})
}
