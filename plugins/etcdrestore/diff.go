package etcdrestore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	kubeschema "k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/etcd-restore/etcd-restore/pkg/kubediff"
	"github.com/etcd-restore/etcd-restore/pkg/kubeobject"
	"github.com/etcd-restore/etcd-restore/plugins/internal/exitcode"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
	"github.com/etcd-restore/etcd-restore/plugins/internal/verb"
)

// NewCmdDiff returns the verb diff.
func NewCmdDiff(streams Streams, opts *Options) *cobra.Command {
	o := &DiffOptions{Options: opts, streams: streams}
	cmd := &cobra.Command{
		Use:   "diff SNAPSHOT [OTHER] [RESOURCE...]",
		Short: "Show what a restore would bring back, remove and change",
		Long: `Show which objects of a cluster a restore of a snapshot would bring back (+),
remove (-) and change (~). What the cluster is now is another snapshot, with
--live what the API server says, or with --endpoints what its etcd does. A count
by resource comes first, then the names, with -o diff also the fields that
differ: - as it is, + as it would be.

What changes all the time is counted, and named with --all only: events, leases,
the heartbeats of nodes, times in endpoints. With --live events and leases are
not asked for without it. The data of Secrets are masked unless there is
--show-secrets. Values that are encrypted are compared as they are stored,
with --encryption-provider-config by what they hold.

Objects of two snapshots that have the same key and the same revisions are taken
for the same: both must be of one cluster. Nothing is changed. The exit code is
0 whether there is a difference or not.

` + exitcode.Help(exitcode.OK, exitcode.Failed, exitcode.BadUsage, exitcode.Integrity, exitcode.Refused, exitcode.Interrupted),
		Example: `  # What has happened since the snapshot, and would be lost or come back
  kubectl etcd-restore diff snapshot.db --live

  # Between two snapshots, the fields of the deployments of a namespace
  kubectl etcd-restore diff monday.db tuesday.db deployments -n shop -o diff

  # On a control-plane node whose API server is down
  sudo kubectl etcd-restore diff snapshot.db --endpoints https://127.0.0.1:2379

  # For a script
  kubectl etcd-restore diff monday.db tuesday.db -o name`,
		Annotations:       map[string]string{annotationCluster: ""},
		Args:              func(cmd *cobra.Command, args []string) error { return usageOf(cmd, o.take(args)) },
		ValidArgsFunction: o.completeArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.Validate(); err != nil {
				return verb.UsageError(cmd, err)
			}
			return o.Run(cmd.Context())
		},
	}
	o.AddFlags(cmd.Flags())
	err := errors.Join(
		cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(diffForms(), cobra.ShellCompDirectiveNoFileComp)),
		cmd.RegisterFlagCompletionFunc("namespace", o.objects().completeNamespaces),
	)
	if err != nil {
		panic(err) // a flag that does not exist: found by any test that makes the command
	}
	return cmd
}

// usageOf is an error of usage, nil if there is none.
func usageOf(cmd *cobra.Command, err error) error {
	if err == nil {
		return nil
	}
	return verb.UsageError(cmd, err)
}

// DiffOptions are the flags of diff.
type DiffOptions struct {
	*Options
	EtcdOptions
	Snapshot  string
	Other     string // "": the live cluster
	Resources []string

	Live        bool
	Form        string // of -o, which has more values here than elsewhere
	All         bool
	Config      string
	Prefix      string
	ShowSecrets bool

	streams Streams
}

// The forms of -o that other verbs do not have.
const (
	formDiff = "diff"
	formName = "name"
)

func diffForms() []string { return []string{formDiff, string(JSON), formName, string(YAML)} }

// AddFlags adds all flags of the verb. Its --output takes the place of the one that all
// verbs have.
func (o *DiffOptions) AddFlags(fs *pflag.FlagSet) {
	fs.StringVarP(&o.Form, "output", "o", "", "`FORM`: diff, json, name or yaml (default: counts and names)")
	fs.StringVarP(o.Namespace, "namespace", "n", "", "only what is in `NAMESPACE`")
	fs.BoolVar(&o.Live, "live", false, "compare with the live cluster, through its API server")
	o.EtcdOptions.AddFlags(fs)
	fs.BoolVar(&o.All, "all", false, "name what changes all the time, too")
	fs.StringVar(&o.Config, providerConfigFlag, "", "`FILE` that the kube-apiserver has its keys from")
	fs.StringVar(&o.Prefix, "etcd-prefix", "", "`PREFIX` of all keys, if the API servers have that flag (default: found out)")
	fs.BoolVar(&o.ShowSecrets, "show-secrets", false, "show the data of Secrets")
}

// completeArgs offers resources behind what is compared.
func (o *DiffOptions) completeArgs(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) == 0 || len(args) == 1 && !o.Live && len(o.Endpoints) == 0 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	return o.objects().completeResources(args[0])(cmd, args, begun)
}

func (o *DiffOptions) objects() *ObjectsOptions {
	return &ObjectsOptions{Options: o.Options, Prefix: o.Prefix}
}

// take reads the arguments. Only the flags tell whether the second one is a file.
func (o *DiffOptions) take(args []string) error {
	switch {
	case len(args) == 0:
		return errors.New("SNAPSHOT is missing")
	case o.Live || len(o.Endpoints) > 0:
		o.Snapshot, o.Resources = args[0], args[1:]
	case len(args) == 1:
		return output.WithHint(errors.New("what to compare it with is missing"), "give another snapshot, --live, or --endpoints")
	default:
		o.Snapshot, o.Other, o.Resources = args[0], args[1], args[2:]
	}
	return nil
}

// Validate finds mistakes that no flag can find alone.
func (o *DiffOptions) Validate() error {
	if o.Live && len(o.Endpoints) > 0 {
		return errors.New("--live and --endpoints exclude each other")
	}
	if o.Form != "" && !slices.Contains(diffForms(), o.Form) {
		return fmt.Errorf("--output must be one of %s, not %q", strings.Join(diffForms(), ", "), o.Form)
	}
	return nil
}

// Run compares.
func (o *DiffOptions) Run(ctx context.Context) error {
	if o.Form == string(JSON) || o.Form == string(YAML) {
		o.Format = Format(o.Form) // of an error, too
	}
	d := newDiffReport(o)
	if err := o.compare(ctx, d); err != nil {
		return err
	}
	return d.print(o)
}

// compare fills the report.
func (o *DiffOptions) compare(ctx context.Context, d *diffReport) error {
	snapshot, err := o.open(ctx, o.Snapshot)
	if err != nil {
		return err
	}
	defer snapshot.close()
	switch {
	case o.Live:
		err = o.compareLive(ctx, snapshot, d)
	case len(o.Endpoints) > 0:
		err = o.compareEtcd(ctx, snapshot, d)
	default:
		err = o.compareOther(ctx, snapshot, d)
	}
	return first(err, snapshot.file.Unchanged())
}

func (o *DiffOptions) compareOther(ctx context.Context, snapshot *indexed, d *diffReport) error {
	other, err := o.open(ctx, o.Other)
	if err != nil {
		return err
	}
	defer other.close()
	want, err := o.wanted(snapshot.names, other.names)
	if err != nil {
		return err
	}
	err = kubediff.Compare(ctx, snapshot.index, other.index, o.options(want), d.add)
	return first(snapshot.file.Explain(err), other.file.Unchanged())
}

func (o *DiffOptions) options(want func(kubeobject.Path) bool) kubediff.Options {
	return kubediff.Options{Wanted: want, Fields: o.Form == formDiff, Noise: o.All, Secret: o.ShowSecrets}
}

// wanted is the choice of -n and of the resources, which either side may know.
func (o *DiffOptions) wanted(names ...*kubeobject.Names) (func(kubeobject.Path) bool, error) {
	var chosen []kubeschema.GroupResource
	for _, arg := range o.Resources {
		for name := range strings.SplitSeq(arg, ",") {
			var r kubeschema.GroupResource
			var err error
			for _, n := range names {
				if r, err = n.Resolve(strings.TrimSpace(name)); err == nil {
					break
				}
			}
			if err != nil {
				return nil, exitcode.Usage(err)
			}
			chosen = append(chosen, r)
		}
	}
	namespace := *o.Namespace
	return func(p kubeobject.Path) bool {
		return (namespace == "" || p.Namespace == namespace) && (len(chosen) == 0 || slices.Contains(chosen, p.Resource))
	}, nil
}
