package etcdrestore

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/rest"

	"github.com/etcd-restore/etcd-restore/pkg/kubeobject"
	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
	"github.com/etcd-restore/etcd-restore/pkg/undo"
	"github.com/etcd-restore/etcd-restore/plugins/internal/exitcode"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
	"github.com/etcd-restore/etcd-restore/plugins/internal/progress"
	"github.com/etcd-restore/etcd-restore/plugins/internal/verb"
)

var (
	// errUndone is returned when some of the objects could not be put back.
	errUndone = errors.New("not everything can be put back")
	// errNothing is returned when a selection selects nothing.
	errNothing = errors.New("the snapshot has no such object")
)

// NewCmdUndo returns the verb undo.
func NewCmdUndo(streams Streams, opts *Options) *cobra.Command {
	o := &UndoOptions{ObjectsOptions: ObjectsOptions{Options: opts, streams: streams}}
	cmd := &cobra.Command{
		Use:   "undo SNAPSHOT [RESOURCE[/NAME]...]",
		Short: "Put chosen objects of a snapshot back into the live cluster",
		Long: `Put chosen objects of a snapshot back into the live cluster, through its API
server: a namespace that was deleted, with all that was in it, or one ConfigMap.
Nothing is restored in etcd, and nothing is removed from the cluster.

namespaces/NAME chooses a namespace and everything in it. Other arguments choose
a RESOURCE, as kubectl calls it, or one object of it; -n and -l choose among
these. Without -n a RESOURCE is chosen in all namespaces, and a NAME must be in
one only; RESOURCE/NAMESPACE/NAME is taken, too. A namespace or CRD that the
objects need and that is not there comes back with them.

Without --yes it says what it would do, after it has asked the API server in a
dry run; with --yes it does it: CRDs first, then namespaces, settings, services,
custom resources and workloads. What is there and differs stays unless there is
--force. Owners are found again by their new UIDs; what a controller makes by
itself, such as the pods of a Deployment, is left to it, and so is a job that
had finished. Status is not put back.

` + exitcode.Help(exitcode.OK, exitcode.Failed, exitcode.BadUsage, exitcode.NeedsPerson, exitcode.Integrity, exitcode.Refused, exitcode.Interrupted),
		Example: `  # A namespace was deleted: what would come back, then do it
  kubectl etcd-restore undo snapshot.db namespaces/shop
  kubectl etcd-restore undo snapshot.db namespaces/shop --yes

  # One object, and all Secrets with a label
  kubectl etcd-restore undo snapshot.db configmaps/settings -n shop --yes
  kubectl etcd-restore undo snapshot.db secrets -n shop -l app=web --yes

  # A change that was wrong: put the Deployment back as it was
  kubectl etcd-restore undo snapshot.db deploy/web -n shop --force --yes`,
		Annotations: map[string]string{annotationCluster: ""},
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return verb.UsageError(cmd, errors.New("SNAPSHOT is missing"))
			}
			o.Snapshot, o.Chosen = args[0], args[1:]
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
	if err := cmd.RegisterFlagCompletionFunc("namespace", o.completeNamespaces); err != nil {
		panic(err) // a flag that does not exist: found by any test that makes the command
	}
	return cmd
}

func (o *UndoOptions) completeArgs(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	return o.completeChoice(args[0])(cmd, args, begun)
}

// UndoOptions are the flags of undo.
type UndoOptions struct {
	ObjectsOptions
	Chosen   []string // RESOURCE or RESOURCE/NAME
	Selector string
	Force    bool
	Yes      bool

	selector labels.Selector
}

// AddFlags adds the flags of undo.
func (o *UndoOptions) AddFlags(fs *pflag.FlagSet) {
	o.ObjectsOptions.AddFlags(fs)
	fs.StringVarP(o.Namespace, "namespace", "n", "", "only what is in `NAMESPACE`; without a RESOURCE all of it")
	fs.StringVarP(&o.Selector, "selector", "l", "", "only what has these `LABELS`, as kubectl takes them")
	fs.BoolVar(&o.Force, "force", false, "replace what is there and differs")
	fs.BoolVarP(&o.Yes, "yes", "y", false, "do it, instead of only saying what would be done")
}

// Validate finds mistakes that no flag can find alone.
func (o *UndoOptions) Validate() (err error) {
	if o.selector, err = labels.Parse(o.Selector); err != nil {
		return fmt.Errorf("--selector: %w", err)
	}
	if len(o.Chosen) == 0 && o.namespace() == "" && o.selector.Empty() {
		return output.WithHint(errors.New("what is to be put back is missing"),
			"`%s undo %s namespaces/NAME` is a namespace with all that was in it", o.Program, output.Quote(o.Snapshot))
	}
	return o.ObjectsOptions.Validate()
}

// Run plans and, with --yes, carries it out.
func (o *UndoOptions) Run(ctx context.Context) error {
	return o.look(func(f *snapshot.File, opts kubeobject.Options) error {
		ix, names, err := indexOf(ctx, f, opts)
		if err != nil {
			return err
		}
		want, err := o.selection(ix, names)
		if err != nil {
			return err
		}
		config, err := o.config()
		if err != nil {
			return err
		}
		if err := answers(ctx, config); err != nil {
			return err
		}
		return o.undo(ctx, config, undo.Snapshot{Index: ix, Names: names}, want)
	})
}

func (o *UndoOptions) config() (*rest.Config, error) {
	cluster := &ClusterOptions{Options: o.Options, streams: o.streams}
	config, err := cluster.restConfig()
	if err != nil {
		return nil, output.WithHint(fmt.Errorf("undo needs an API server: %w", err), "give --kubeconfig")
	}
	return briskly(config), nil
}

func (o *UndoOptions) undo(ctx context.Context, config *rest.Config, s undo.Snapshot, want undo.Selection) error {
	clients, err := newLive(config)
	if err != nil {
		return err
	}
	plan, err := undo.NewCluster(clients.Discovery, clients.Dynamic).Plan(ctx, s, want, o.Force, o.slowly("asking the API server about them"))
	if err != nil {
		return reached(config.Host, err)
	}
	report := newUndoReport(o, config.Host, s.Index.Revision)
	if len(plan.Items) == 0 {
		return o.nothing()
	}
	if !o.Yes {
		report.take(plan)
		return first(o.print(o.streams.Out, report), report.failure(nil))
	}
	err = reached(config.Host, plan.Apply(ctx, o.slowly("putting them back")))
	report.take(plan)
	if err != nil {
		report.Error = err.Error()
	}
	return first(o.printDone(o.streams, "objects were put back", report), report.failure(err))
}

// reached says of a server that did not answer who it is and why, and leaves other errors.
func reached(server string, err error) error {
	if asked := (*url.Error)(nil); errors.As(err, &asked) {
		return plainly(server, err)
	}
	return err
}

// slowly tells a person on stderr how far something has come that takes its time.
func (o *UndoOptions) slowly(what string) func(done, total int) {
	last := time.Now()
	return func(done, total int) {
		if o.Progress != progress.None && time.Since(last) > 2*time.Second {
			last = time.Now()
			fmt.Fprintf(o.streams.ErrOut, "%s: %d of %s\n", what, done, count(total, "object"))
		}
	}
}

func (o *UndoOptions) nothing() error {
	return output.WithHint(errNothing, "`%s ls %s` tells what there is", o.Program, output.Quote(o.Snapshot))
}
