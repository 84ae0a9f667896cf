package etcdrestore

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"

	"github.com/etcd-restore/etcd-restore/pkg/evidence"
	"github.com/etcd-restore/etcd-restore/pkg/topology"
	"github.com/etcd-restore/etcd-restore/pkg/transport"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
)

// How long a node and an API server may take to tell what they know.
const (
	nodePatience = 30 * time.Second
	apiPatience  = 5 * time.Second
)

// errSilent is returned for a node that does not tell anything in time.
var errSilent = errors.New("no answer")

// ChoiceOptions are the flags with which a person resolves what the sources disagree on.
type ChoiceOptions struct {
	ExcludeNode []string
	Members     string
}

// AddFlags adds them.
func (o *ChoiceOptions) AddFlags(fs *pflag.FlagSet) {
	fs.StringArrayVar(&o.ExcludeNode, "exclude-node", nil, "leave this `NODE` out")
	fs.StringVar(&o.Members, "members", "", "the members of etcd, where the sources disagree: `NAME=URL,...`, with their peer URLs")
}

// Choice is what the flags say.
func (o *ChoiceOptions) Choice() topology.Choice {
	return topology.Choice{Exclude: o.ExcludeNode, Members: o.Members}
}

// survey asks all nodes, and the API server, all at once. Nothing that is dead is an
// error: see topology.ControlPlane.
func (o *ClusterOptions) survey(ctx context.Context, nodes *Nodes, snapshots []string, patience time.Duration, choice topology.Choice) (*topology.ControlPlane, error) {
	told := topology.Told{Time: time.Now().UTC().Truncate(time.Second), Answers: make([]topology.Answer, len(nodes.All), len(nodes.All)+len(nodes.Failed))}
	var all sync.WaitGroup
	for i, n := range nodes.All {
		all.Go(func() { told.Answers[i] = ask(ctx, n, patience) })
	}
	all.Go(func() { told.Kubernetes, told.KubernetesErr = o.askKubernetes(ctx) })
	all.Go(func() { told.Snapshots = readSnapshots(snapshots) })
	all.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	told.Err = nodes.Why
	for _, f := range nodes.Failed {
		told.Answers = append(told.Answers, topology.Answer{Host: f.Name, Err: f.Err})
	}
	return topology.New(told, choice)
}

// toldStatus is what is read of node status -o json.
type toldStatus struct {
	topology.Report
	Runs struct {
		Unfinished []struct {
			Name       string
			State      string
			Committed  bool
			Working    bool
			Step       string
			DecisionID string
		}
	}
}

// ask lets one node tell of itself.
func ask(ctx context.Context, n transport.Node, patience time.Duration) topology.Answer {
	a := topology.Answer{Host: n.Name()}
	bounded, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var out bytes.Buffer
	err := n.Run(bounded, transport.Command{Args: []string{"node", "status", "-o", "json"}, Stdout: &out})
	var status toldStatus
	switch {
	case err != nil && bounded.Err() != nil && ctx.Err() == nil:
		a.Err = fmt.Errorf("%w within %s", errSilent, patience)
	case err != nil:
		a.Err = err
	default:
		a.Err = json.Unmarshal(out.Bytes(), &status)
	}
	if a.Err != nil {
		return a
	}
	a.Report = &status.Report
	for _, r := range status.Runs.Unfinished {
		a.Runs = append(a.Runs, topology.Run{
			Name: r.Name, Decision: r.DecisionID, State: r.State, Committed: r.Committed, Busy: r.Working, Step: r.Step,
		})
	}
	return a
}

// askKubernetes asks the API server that the flags, or the environment, name.
func (o *ClusterOptions) askKubernetes(ctx context.Context) (*topology.Kubernetes, error) {
	config, err := o.restConfig()
	if err != nil {
		return nil, err
	}
	config = rest.CopyConfig(config)
	config.WarningHandler = rest.NoWarnings{}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	// klog keeps client-go from printing what it returns anyway.
	ctx, cancel := context.WithTimeout(klog.NewContext(ctx, klog.Logger{}), apiPatience)
	defer cancel()
	kube, err := within(ctx, func() (*topology.Kubernetes, error) { return topology.Ask(ctx, config.Host, client) })
	return kube, plainly(config.Host, err)
}

// within calls ask, and waits for it no longer than ctx lets it: a program that the
// kubeconfig names for credentials is one that client-go waits for without any limit, and
// what it asks may be as dead as the cluster.
func within[T any](ctx context.Context, ask func() (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	answers := make(chan answer, 1)
	go func() {
		value, err := ask()
		answers <- answer{value, err}
	}()
	select {
	case a := <-answers:
		return a.value, a.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

// answers waits until an API server says anything at all: no request that follows has to
// fear the program for credentials.
func answers(ctx context.Context, config *rest.Config) error {
	client, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, apiPatience)
	defer cancel()
	if _, err := within(ctx, client.ServerVersion); errors.Is(err, context.DeadlineExceeded) {
		return plainly(config.Host, err)
	}
	return ctx.Err()
}

// errNoKubeconfig is returned where nobody says which API server is meant.
var errNoKubeconfig = errors.New("no kubeconfig names one")

// restConfig is the API server that the flags, a kubeconfig or, in a pod, the environment
// name. Where none does kubectl would try localhost; here nobody is asked then.
func (o *ClusterOptions) restConfig() (*rest.Config, error) {
	config, err := o.ToRESTConfig()
	if clientcmd.IsEmptyConfig(err) {
		return nil, errNoKubeconfig
	}
	if err != nil {
		return nil, err
	}
	raw, err := o.ToRawKubeConfigLoader().RawConfig()
	chosen := len(raw.Clusters) > 0 && (raw.CurrentContext != "" || *o.Context != "" || *o.ClusterName != "")
	if inPod := config.BearerTokenFile != ""; err == nil && !chosen && !inPod && *o.APIServer == "" {
		return nil, errNoKubeconfig
	}
	return config, nil
}

// plainly says of a server that does not answer only who it is and why.
func plainly(server string, err error) error {
	if refused := syscall.Errno(0); errors.As(err, &refused) {
		return fmt.Errorf("%s: %w", server, refused)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%s does not answer within %s", server, apiPatience)
	}
	return err
}

// readSnapshots reads what files tell that could be restored. It compares no hash.
func readSnapshots(paths []string) (all []topology.Snapshot) {
	for _, path := range paths {
		s := topology.Snapshot{Path: path}
		info, err := os.Stat(path)
		if err != nil {
			s.Err = err
			all = append(all, s)
			continue
		}
		s.Time = info.ModTime().UTC().Truncate(time.Second)
		source, err := evidence.FromSnapshot(path)
		if err != nil {
			s.Err = err
		}
		s.Revision = source.Proven
		for _, m := range source.Members {
			s.Members = append(s.Members, strconv.FormatUint(m.ID, 16))
		}
		all = append(all, s)
	}
	return all
}

// reach connects for a verb that has something to say even where there is no way.
func (o *ClusterOptions) reach(ctx context.Context) (*Nodes, error) {
	nodes, err := o.connect(ctx)
	if err == nil || ctx.Err() != nil || mistake([]error{err}) != nil || errors.Is(err, transport.ErrProgram) && !errors.Is(err, errNoWay) {
		return nodes, err
	}
	if nodes == nil {
		nodes = &Nodes{}
	}
	nodes.Why = err
	return nodes, nil
}

// way are the flags that lead to these nodes again, to be pasted.
func (o *ClusterOptions) way() (flags string) {
	add := func(flag, value string) {
		if value != "" {
			flags += " --" + flag + " " + output.Quote(value)
		}
	}
	if o.Local {
		flags += " --local"
	}
	for _, host := range o.SSH {
		add("ssh", host)
	}
	add("ssh-config", o.SSHConfig)
	if o.SSHSudo {
		flags += " --ssh-sudo"
	}
	add("node-program", o.NodeProgram)
	add("helper-image", o.HelperImage)
	return flags + o.connection()
}
