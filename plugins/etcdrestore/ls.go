package etcdrestore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/etcd-restore/etcd-restore/pkg/kubeobject"
	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
	"github.com/etcd-restore/etcd-restore/plugins/internal/exitcode"
	"github.com/etcd-restore/etcd-restore/plugins/internal/verb"
)

// NewCmdLs returns the verb ls.
func NewCmdLs(streams Streams, opts *Options) *cobra.Command {
	o := &LsOptions{ObjectsOptions: ObjectsOptions{Options: opts, streams: streams}}
	cmd := &cobra.Command{
		Use:   "ls SNAPSHOT [RESOURCE[,RESOURCE]]",
		Short: "List the objects in a snapshot, and what fills it",
		Long: `List the Kubernetes objects in a snapshot, without any API server.

Without RESOURCE it counts: of each resource how many objects there are and the
bytes of them, and how many older states and deletes of them the database still
has. RESOURCE is what kubectl calls it, short names and kinds included; those of
custom resources are taken from the CRDs in the snapshot. All namespaces are
listed unless -n names one. AGE is as of now, not of the snapshot.

A value that is encrypted is listed with its provider and the name of its key,
and one that is damaged, or is no object, with what is wrong with it.

` + exitcode.Help(exitcode.OK, exitcode.Failed, exitcode.BadUsage, exitcode.Integrity, exitcode.Refused, exitcode.Interrupted),
		Example: `  # What is in it, and what fills it
  kubectl etcd-restore ls snapshot.db

  # The pods of a namespace, and those with a label
  kubectl etcd-restore ls snapshot.db pods -n shop
  kubectl etcd-restore ls snapshot.db po,svc -l app=web

  # What there was at an older revision
  kubectl etcd-restore ls snapshot.db deploy --revision 1234567`,
		Args: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) == 0:
				return verb.UsageError(cmd, errors.New("SNAPSHOT is missing"))
			case len(args) > 2:
				return verb.UsageError(cmd, fmt.Errorf("SNAPSHOT and RESOURCE expected, got %d arguments", len(args)))
			}
			return nil
		},
		ValidArgsFunction: o.completeArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Snapshot, o.Resources = args[0], strings.Join(args[1:], "")
			if err := o.Validate(); err != nil {
				return verb.UsageError(cmd, err)
			}
			return o.Run(cmd.Context())
		},
	}
	o.AddFlags(cmd.Flags())
	if err := o.registerCompletion(cmd); err != nil {
		panic(err) // a flag that does not exist: found by any test that makes the command
	}
	return cmd
}

// LsOptions are the flags of ls.
type LsOptions struct {
	ObjectsOptions
	Resources     string // empty: a count of all
	AllNamespaces bool
	Selector      string
	SortBy        string

	selector labels.Selector
}

// AddFlags adds the flags of ls.
func (o *LsOptions) AddFlags(fs *pflag.FlagSet) {
	o.ObjectsOptions.AddFlags(fs)
	fs.StringVarP(o.Namespace, "namespace", "n", "", "only what is in `NAMESPACE`")
	fs.BoolVarP(&o.AllNamespaces, "all-namespaces", "A", false, "what is in any namespace, as without -n")
	fs.StringVarP(&o.Selector, "selector", "l", "", "only what has these `LABELS`, as kubectl takes them")
	fs.StringVar(&o.SortBy, "sort-by", "", "`ORDER`: name, size, age (objects), or count (resources)")
	fs.StringVarP(&o.Form, "output", "o", "", "`FORM`: json, yaml, name or wide (default: a table)")
}

func lsForms() []string { return []string{string(JSON), string(YAML), "name", wide} }

func (o *LsOptions) registerCompletion(cmd *cobra.Command) error {
	return errors.Join(
		cmd.RegisterFlagCompletionFunc("namespace", o.completeNamespaces),
		cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(lsForms(), cobra.ShellCompDirectiveNoFileComp)),
		cmd.RegisterFlagCompletionFunc("sort-by", cobra.FixedCompletions([]string{"name", "size", "age", "count"}, cobra.ShellCompDirectiveNoFileComp)),
	)
}

func (o *LsOptions) completeArgs(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	switch len(args) {
	case 0:
		return nil, cobra.ShellCompDirectiveDefault
	case 1:
		return completeList(o.completeResources(args[0]))(cmd, args, begun)
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}

// orders are what --sort-by may be.
func (o *LsOptions) orders() []string {
	if o.Resources == "" {
		return []string{"size", "name", "count"}
	}
	return []string{"name", "size", "age"}
}

// Validate finds mistakes that no flag can find alone, and fills in defaults.
func (o *LsOptions) Validate() (err error) {
	if o.SortBy == "" {
		o.SortBy = o.orders()[0]
	}
	if o.selector, err = labels.Parse(o.Selector); err != nil {
		return fmt.Errorf("--selector: %w", err)
	}
	switch {
	case o.Form != "" && !slices.Contains(lsForms(), o.Form):
		return fmt.Errorf("--output must be one of %s, not %q", strings.Join(lsForms(), ", "), o.Form)
	case !slices.Contains(o.orders(), o.SortBy):
		return fmt.Errorf("--sort-by must be one of %s here, not %q", strings.Join(o.orders(), ", "), o.SortBy)
	case o.Resources == "" && (o.Selector != "" || o.namespace() != "" || o.AllNamespaces):
		return errors.New("-n, -A and -l are for the objects of a RESOURCE")
	case o.AllNamespaces && o.namespace() != "":
		return errors.New("-n and -A exclude each other")
	}
	return o.ObjectsOptions.Validate()
}

// Run lists.
func (o *LsOptions) Run(ctx context.Context) error {
	return o.look(func(f *snapshot.File, opts kubeobject.Options) error {
		if o.Resources == "" {
			return o.count(ctx, f, opts)
		}
		ix, names, err := indexOf(ctx, f, opts)
		if err != nil {
			return err
		}
		resources, err := o.resources(names, o.Resources)
		if err != nil {
			return err
		}
		list, err := o.list(ctx, ix, resources)
		if err != nil {
			return err
		}
		list.sort(o.SortBy)
		o.remark(list)
		return o.printAs(list, list.names)
	})
}

// remark says on stderr what a list cannot show.
func (o *LsOptions) remark(l *objectList) {
	if l.Unasked > 0 {
		fmt.Fprintf(o.streams.ErrOut, "note: %s left out, whose labels cannot be read; without -l they are listed\n", count(l.Unasked, "value"))
	}
	if len(l.Items) == 0 {
		fmt.Fprintln(o.streams.ErrOut, "nothing found")
	}
}

// count lists the resources.
func (o *LsOptions) count(ctx context.Context, f *snapshot.File, opts kubeobject.Options) error {
	view, err := f.Keyspace()
	if err != nil {
		return err
	}
	s, err := kubeobject.Summarize(ctx, view, opts)
	if err != nil {
		return err
	}
	report := newResourceList(o.Snapshot, f.Size(), s)
	report.sort(o.SortBy)
	return o.printAs(report, report.names)
}

// printAs prints a list in the form that was asked for.
func (o *LsOptions) printAs(list object, names func() []string) error {
	switch o.Form {
	case "name":
		_, err := fmt.Fprint(o.streams.Out, lines(names()))
		return err
	case "", wide:
		o.Format = Text
	default:
		o.Format = Format(o.Form)
	}
	return o.print(o.streams.Out, list)
}
