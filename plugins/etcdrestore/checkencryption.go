package etcdrestore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/etcd-restore/etcd-restore/pkg/encryption"
	"github.com/etcd-restore/etcd-restore/pkg/encryptioncheck"
	"github.com/etcd-restore/etcd-restore/pkg/kubeadm"
	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
	"github.com/etcd-restore/etcd-restore/pkg/staticpod"
	"github.com/etcd-restore/etcd-restore/plugins/internal/exitcode"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
	"github.com/etcd-restore/etcd-restore/plugins/internal/verb"
)

// NewCmdCheckEncryption returns the verb check-encryption.
func NewCmdCheckEncryption(streams Streams, opts *Options) *cobra.Command {
	o := &CheckEncryptionOptions{Options: opts, streams: streams}
	cmd := &cobra.Command{
		Use:   "check-encryption SNAPSHOT",
		Short: "Tell whether the API server has the keys of a snapshot",
		Long: `Tell, before a restore, whether an API server with its present configuration
could read all that is in a snapshot: which resources are encrypted, with which
provider and key, and if they cannot be read, why. The configuration is that of
--encryption-provider-config, or on a control-plane node the one that the
manifest of its kube-apiserver names. Nothing is changed, and no key is shown.

Of each resource and key the first value, the second, the fourth and so on are
decrypted, with --all every one. What a KMS plugin has the key for is told and
not decrypted.

The exit code is 0 if all can be read, 4 if something cannot, and 1 if only a
KMS plugin knows.

` + exitcode.Help(exitcode.OK, exitcode.Failed, exitcode.BadUsage, exitcode.NeedsPerson, exitcode.Integrity, exitcode.Interrupted),
		Example: `  # On a control-plane node
  sudo kubectl etcd-restore check-encryption snapshot.db

  # Anywhere, with a copy of the file
  kubectl etcd-restore check-encryption snapshot.db \
    --encryption-provider-config encryption.yaml

  # Every value, for a script
  kubectl etcd-restore check-encryption snapshot.db --all -o json \
    --encryption-provider-config encryption.yaml`,
		Args: verb.OneFile,
		RunE: func(cmd *cobra.Command, args []string) error { return o.Run(cmd.Context(), args[0]) },
	}
	o.AddFlags(cmd.Flags())
	return cmd
}

// CheckEncryptionOptions are the flags of check-encryption.
type CheckEncryptionOptions struct {
	*Options
	Config string
	Prefix string
	RootFS string
	All    bool

	streams Streams
}

// AddFlags adds all flags of the verb.
func (o *CheckEncryptionOptions) AddFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.Config, providerConfigFlag, "", "`FILE` that the kube-apiserver has its keys from (default: that of this node)")
	fs.StringVar(&o.Prefix, "etcd-prefix", "", "where the kube-apiserver keeps its keys (default: as on this node, or /registry)")
	fs.StringVar(&o.RootFS, "rootfs", "", "where the node's file system is, if it is not ours")
	fs.BoolVar(&o.All, "all", false, "decrypt every value")
}

// providerConfigFlag is the flag as the kube-apiserver has it, and we after it.
const providerConfigFlag = "encryption-provider-config"

// Run checks.
func (o *CheckEncryptionOptions) Run(ctx context.Context, path string) error {
	source, err := o.source()
	if err != nil {
		return err
	}
	result, err := o.check(ctx, path, source)
	if err != nil {
		return err
	}
	if err := o.print(o.streams.Out, newEncryptionReport(path, source.path, result)); err != nil {
		return err
	}
	return result.Err()
}

func (o *CheckEncryptionOptions) check(ctx context.Context, path string, source keySource) (*encryptioncheck.Result, error) {
	f, err := snapshot.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	view, err := f.Keyspace()
	if err != nil {
		return nil, err
	}
	reporter := &patient{reporter: o.Reporter(o.streams)}
	defer reporter.Finish()
	result, err := encryptioncheck.Check(ctx, view, source.config, encryptioncheck.Options{Prefix: source.prefix, All: o.All, Progress: reporter})
	if err != nil {
		return nil, f.Explain(err)
	}
	return result, f.Unchanged()
}

// keySource is where the keys come from.
type keySource struct {
	config *encryption.Config
	path   string // "": the API server has no configuration
	prefix string
}

// source is the file of the flag, or what the node's kube-apiserver has.
func (o *CheckEncryptionOptions) source() (s keySource, err error) {
	s = keySource{config: encryption.None(), path: o.Config, prefix: o.Prefix}
	if o.Config == "" {
		node := kubeadm.Node{Root: o.RootFS}
		m, err := apiServerManifest(node)
		if err != nil {
			return s, err
		}
		if _, s.path, err = m.FlagFile(apiServer, providerConfigFlag); err != nil {
			return s, err
		}
		if s.prefix == "" {
			if s.prefix, err = m.FlagValue(apiServer, "etcd-prefix"); err != nil {
				return s, err
			}
		}
		if s.path == "" {
			return s, nil
		}
		s.path = node.Path(s.path)
	}
	s.config, err = encryption.Load(s.path)
	return s, err
}

const apiServer = "kube-apiserver"

// apiServerManifest reads the one of the node that this runs on.
func apiServerManifest(node kubeadm.Node) (*staticpod.Manifest, error) {
	dir := node.ManifestFolder()
	if k, err := node.Kubelet(); err == nil && k.StaticPodPath != "" {
		dir = node.Path(k.StaticPodPath)
	}
	folder, err := staticpod.Read(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, exitcode.Usage(output.WithHint(fmt.Errorf("--%s is missing, and this is no control-plane node: %w", providerConfigFlag, err), "copy the file from a control-plane node, /etc/kubernetes/manifests/kube-apiserver.yaml names it"))
	}
	if err != nil {
		return nil, err
	}
	file, err := folder.Component(apiServer)
	if err != nil {
		return nil, err
	}
	return file.Manifest, nil
}
