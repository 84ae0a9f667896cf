package etcdrestore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/pflag"

	"github.com/etcd-restore/etcd-restore/pkg/transport"
	"github.com/etcd-restore/etcd-restore/pkg/transport/local"
	"github.com/etcd-restore/etcd-restore/pkg/transport/ssh"
)

// errNoWay is returned where no transport to the nodes is known.
var errNoWay = errors.New("no way to the control-plane nodes")

// ClusterOptions are the flags of every verb that works on a whole control plane: how
// to get to its nodes.
type ClusterOptions struct {
	*Options
	SSH         []string
	SSHConfig   string
	SSHSudo     bool
	Local       bool
	NodeProgram string
	HelperImage string

	streams Streams
	pods    podOptions
}

// AddFlags adds the flags that say how to get to the nodes.
func (o *ClusterOptions) AddFlags(fs *pflag.FlagSet) {
	fs.StringArrayVar(&o.SSH, "ssh", nil, "go to this `[USER@]HOST` by ssh; once for each control-plane node")
	fs.StringVar(&o.SSHConfig, "ssh-config", "", "configuration `FILE` of ssh (default: its own)")
	fs.BoolVar(&o.SSHSudo, "ssh-sudo", false, "become root there with sudo")
	fs.BoolVar(&o.Local, "local", false, "this machine is a control-plane node, too; the others by --ssh")
	fs.StringVar(&o.HelperImage, "helper-image", "", "`IMAGE` of the helper pods, which every node has already (default: that of kube-proxy)")
	fs.StringVar(&o.NodeProgram, "node-program", "", "this program for the nodes, in another `FILE` if they are of another kind than this machine")
}

// Validate finds mistakes that no flag can find alone.
func (o *ClusterOptions) Validate() error {
	if len(o.SSH) == 0 && (o.SSHConfig != "" || o.SSHSudo) {
		return errors.New("--ssh-config and --ssh-sudo need --ssh HOST")
	}
	for i, host := range o.SSH {
		if slices.Contains(o.SSH[:i], host) {
			return fmt.Errorf("--ssh %s is given twice", host)
		}
	}
	return nil
}

// Nodes are the control-plane nodes that could be reached.
type Nodes struct {
	All    []transport.Node
	Failed []Unreached
	Why    error // why there are none at all, for whom that is no error
}

// Unreached is a node to which there is no way.
type Unreached struct {
	Name string // as the transport would call it
	Err  error
}

// Close gives all connections up.
func (n *Nodes) Close() error {
	var errs []error
	for _, node := range n.All {
		errs = append(errs, node.Close())
	}
	return errors.Join(errs...)
}

// connect goes to all nodes at once. One that cannot be reached is no error yet: a node
// may be down. Close the nodes.
func (o *ClusterOptions) connect(ctx context.Context) (*Nodes, error) {
	program, err := transport.OpenProgram(o.NodeProgram)
	if err != nil {
		return nil, err
	}
	if len(o.SSH) == 0 && !o.Local {
		return o.connectPods(ctx, program)
	}
	here, err := o.here()
	if err != nil {
		return nil, err
	}
	dialled := make([]transport.Node, len(o.SSH))
	errs := make([]error, len(o.SSH))
	var all sync.WaitGroup
	for i, host := range o.SSH {
		all.Go(func() {
			node, err := ssh.Dial(ctx, ssh.Config{Host: host, ConfigFile: o.SSHConfig, Sudo: o.SSHSudo, Program: program})
			if err != nil {
				errs[i] = err
				return
			}
			dialled[i] = node
		})
	}
	all.Wait()
	nodes := &Nodes{All: here}
	for i, node := range dialled {
		if errs[i] != nil {
			nodes.Failed = append(nodes.Failed, Unreached{ssh.NameOf(o.SSH[i]), errs[i]})
			continue
		}
		nodes.All = append(nodes.All, node)
	}
	if err := first(ctx.Err(), mistake(errs)); err != nil {
		return nil, errors.Join(err, nodes.Close())
	}
	if len(nodes.All) == 0 {
		return nodes, fmt.Errorf("%w: %w", errNoWay, errors.Join(errs...)) // with what was tried
	}
	return nodes, nil
}

// here is this machine, if it is a node.
func (o *ClusterOptions) here() ([]transport.Node, error) {
	if !o.Local {
		return nil, nil
	}
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	name, err := os.Hostname()
	if err != nil {
		return nil, err
	}
	return []transport.Node{local.New(strings.ToLower(name), program)}, nil // as the kubelet names it
}

// mistake is an error that is none of a node.
func mistake(errs []error) error {
	for _, err := range errs {
		if errors.Is(err, ssh.ErrHost) || errors.Is(err, ssh.ErrNoSSH) {
			return err
		}
	}
	return nil
}
