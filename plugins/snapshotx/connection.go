package snapshotx

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.etcd.io/etcd/client/pkg/v3/srv"

	"github.com/etcd-restore/etcd-restore/pkg/etcdclient"
	"github.com/etcd-restore/etcd-restore/plugins/internal/exitcode"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
)

const defaultEndpoint = "127.0.0.1:2379"

// annotationDials marks a verb that can talk to members. Only its help shows
// the flags of a connection; they are accepted everywhere, as in etcdctl.
const annotationDials = "dials"

// Connection is etcdctl's flags that say where the members are and who we are.
type Connection struct {
	Endpoints             []string
	CACert, Cert, Key     string
	User, Password        string
	DialTimeout           time.Duration
	CommandTimeout        time.Duration // 0: not given, so that a snapshot has no limit
	KeepaliveTime         time.Duration
	KeepaliveTimeout      time.Duration
	InsecureTransport     bool
	InsecureSkipTLSVerify bool
	DiscoverySRV          string
	DiscoverySRVName      string
	InsecureDiscovery     bool

	kubeadmPKI string // where kubeadm keeps etcd's certificates
}

func newConnection() *Connection { return &Connection{kubeadmPKI: kubeadmPKI} }

// AddFlags adds the flags with etcdctl's names and defaults.
func (c *Connection) AddFlags(fs *pflag.FlagSet) {
	fs.StringSliceVar(&c.Endpoints, "endpoints", []string{defaultEndpoint}, "client URLs of the members")
	fs.StringVar(&c.CACert, "cacert", "", "CA bundle that signed the members' certificates")
	fs.StringVar(&c.Cert, "cert", "", "client certificate")
	fs.StringVar(&c.Key, "key", "", "key of the client certificate")
	fs.StringVar(&c.User, "user", "", "username[:password]; asks for the password if there is none")
	fs.StringVar(&c.Password, "password", "", "password; better in ETCDCTL_PASSWORD than on a command line")
	fs.DurationVar(&c.DialTimeout, "dial-timeout", 2*time.Second, "time to connect to one member")
	fs.DurationVar(&c.CommandTimeout, "command-timeout", 0, "limit to the whole transfer (default: none; short requests 5s)")
	fs.DurationVar(&c.KeepaliveTime, "keepalive-time", 10*time.Second, "time between signs of life on a connection")
	fs.DurationVar(&c.KeepaliveTimeout, "keepalive-timeout", 6*time.Second, "time to wait for one before giving up")
	fs.BoolVar(&c.InsecureTransport, "insecure-transport", true, "speak plainly where nothing asks for TLS")
	fs.BoolVar(&c.InsecureSkipTLSVerify, "insecure-skip-tls-verify", false, "accept any server certificate (for tests only)")
	fs.StringVarP(&c.DiscoverySRV, "discovery-srv", "d", "", "domain whose SRV records name the endpoints")
	fs.StringVar(&c.DiscoverySRVName, "discovery-srv-name", "", "service name in those records")
	fs.BoolVar(&c.InsecureDiscovery, "insecure-discovery", true, "accept http:// endpoints from SRV records")
}

// showConnectionFlagsOnlyWhereUsed keeps fifteen flags out of the help of verbs
// that never dial.
func showConnectionFlagsOnlyWhereUsed(root *cobra.Command) {
	names := pflag.NewFlagSet("", pflag.ContinueOnError)
	new(Connection).AddFlags(names)
	help := root.HelpFunc()
	root.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		_, dials := cmd.Annotations[annotationDials]
		names.VisitAll(func(f *pflag.Flag) {
			root.PersistentFlags().Lookup(f.Name).Hidden = !dials
		})
		help(cmd, args)
	})
}

// Config turns the flags into a configuration. It may ask for a password, read
// SRV records, and fall back on kubeadm's certificates.
func (c *Connection) Config(ctx context.Context, streams Streams) (etcdclient.Config, error) {
	cfg := etcdclient.Config{
		CAFile: c.CACert, CertFile: c.Cert, KeyFile: c.Key,
		RequireTLS:         !c.InsecureTransport,
		InsecureSkipVerify: c.InsecureSkipTLSVerify,
		DialTimeout:        c.DialTimeout,
		RequestTimeout:     c.CommandTimeout,
		KeepAliveTime:      c.KeepaliveTime,
		KeepAliveTimeout:   c.KeepaliveTimeout,
	}
	var err error
	if cfg.Endpoints, err = c.endpoints(); err != nil {
		return cfg, err
	}
	if cfg.Username, cfg.Password, err = c.login(streams); err != nil {
		return cfg, err
	}
	c.useKubeadm(&cfg, streams)
	return cfg, ctx.Err()
}

func (c *Connection) endpoints() ([]string, error) {
	given := c.Endpoints
	if c.DiscoverySRV != "" {
		found, err := srv.GetClient("etcd-client", c.DiscoverySRV, c.DiscoverySRVName)
		if err != nil {
			return nil, output.WithHint(fmt.Errorf("discover endpoints in %s: %w", c.DiscoverySRV, err),
				"name them with --endpoints")
		}
		given = slices.DeleteFunc(found.Endpoints, func(e string) bool {
			return !c.InsecureDiscovery && strings.HasPrefix(e, "http://")
		})
	}
	var endpoints []string
	for _, e := range given {
		if e = strings.TrimSpace(e); e != "" && !slices.Contains(endpoints, e) {
			endpoints = append(endpoints, e)
		}
	}
	if len(endpoints) == 0 {
		return nil, exitcode.Usage(output.WithHint(errors.New("--endpoints names none"), "give client URLs, such as https://10.0.0.1:2379"))
	}
	return endpoints, nil
}

// login returns --user and --password, which etcdctl allows in one flag.
func (c *Connection) login(streams Streams) (user, password string, err error) {
	user, inUser, both := strings.Cut(c.User, ":")
	switch {
	case c.User == "":
		return "", "", nil
	case c.Password != "": // then a colon belongs to the name
		return c.User, c.Password, nil
	case both:
		return user, inUser, nil
	}
	password, err = askPassword(streams, user)
	return user, password, err
}

// Limited bounds ctx by --command-timeout, if that was given.
func (c *Connection) Limited(ctx context.Context) (context.Context, context.CancelFunc) {
	if c.CommandTimeout <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, c.CommandTimeout)
}
