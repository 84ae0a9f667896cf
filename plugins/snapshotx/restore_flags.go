package snapshotx

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/etcd-restore/etcd-restore/pkg/restore"
)

const (
	defaultName    = "default"
	defaultPeerURL = "http://localhost:2380"
)

// RestoreOptions are the flags of restore: etcdutl's first, then ours.
type RestoreOptions struct {
	*Options
	*Connection
	File string

	Name              string
	DataDir           string
	WALDir            string
	InitialCluster    string
	Token             string
	AdvertisePeerURLs []string
	SkipHashCheck     bool
	BumpRevision      BumpValue
	MarkCompacted     bool

	AllMembers    bool
	OutputDir     string
	Learners      []string
	SeenRevisions []string
	SeenDataDirs  []string
	SeenEndpoints []string
	ExpectSHA256  string
	TargetVersion string
	Compact       bool
	KeepAlarms    bool
	ResetAuth     bool
	DryRun        bool

	flags   *pflag.FlagSet
	streams Streams
}

// AddFlags adds the flags that only restore has.
func (o *RestoreOptions) AddFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.Name, "name", defaultName, "`NAME` of the member")
	fs.StringVar(&o.DataDir, "data-dir", "", "`DIR` to make for it (default: NAME.etcd)")
	fs.StringVar(&o.WALDir, "wal-dir", "", "`DIR` of its log (default: member/wal in the data directory)")
	fs.StringVar(&o.InitialCluster, "initial-cluster", "", "all members as `NAME=URL,…` (default: this one alone)")
	fs.StringVar(&o.Token, "initial-cluster-token", "", "`TOKEN` of the new cluster (default: random)")
	fs.StringSliceVar(&o.AdvertisePeerURLs, "initial-advertise-peer-urls", nil, "peer `URLs` of the member (default: as in --initial-cluster)")
	fs.BoolVar(&o.SkipHashCheck, "skip-hash-check", false, "take a file without SHA-256 trailer, after a check of every page")
	fs.Var(&o.BumpRevision, "bump-revision", "raise the revision by so much, or auto: far enough")
	fs.BoolVar(&o.MarkCompacted, "mark-compacted", false, "end every watch of the old cluster with \"compacted\"")
	fs.Uint64("initial-memory-map-size", 0, "accepted for etcdutl's sake, any `N`: no more is mapped than the file")

	fs.BoolVar(&o.AllMembers, "all-members", false, "restore every member of --initial-cluster")
	fs.StringVar(&o.OutputDir, "output-dir", ".", "`DIR` for NAME.etcd of each, with --all-members")
	fs.StringSliceVar(&o.Learners, "learner", nil, "`NAME` of a member without a vote (repeatable)")
	fs.StringArrayVar(&o.SeenRevisions, "seen-revision", nil, "revision `N` that the old cluster has reached (repeatable)")
	fs.StringArrayVar(&o.SeenDataDirs, "seen-data-dir", nil, "data `DIR` of a stopped old member, or DIR,WAL-DIR (repeatable)")
	fs.StringArrayVar(&o.SeenEndpoints, "seen-endpoint", nil, "client `URL` of a live old member (repeatable)")
	fs.StringVar(&o.ExpectSHA256, "expect-sha256", "", "refuse any snapshot but the one with this SHA-256, in `HEX`")
	fs.StringVar(&o.TargetVersion, "target-version", "", "mark the data for etcd `V`, one of "+strings.Join(restore.Versions(), ", ")+" (default: as it is)")
	fs.BoolVar(&o.Compact, "compact", false, "write the live revisions only: smaller, and nothing to compact at the first start")
	fs.BoolVar(&o.KeepAlarms, "keep-alarms", false, "leave alarms raised")
	fs.BoolVar(&o.ResetAuth, "reset-auth", false, "drop users and roles and switch authentication off")
	fs.BoolVar(&o.DryRun, "dry-run", false, "print what would be done and change nothing")
}

// Complete notes which flags were given.
func (o *RestoreOptions) Complete(fs *pflag.FlagSet) { o.flags = fs }

func (o *RestoreOptions) given(flag string) bool { return o.flags != nil && o.flags.Changed(flag) }

// dataDir is the data directory of one member, by etcdutl's rule.
func (o *RestoreOptions) dataDir() string {
	if o.DataDir == "" {
		return o.Name + ".etcd"
	}
	return o.DataDir
}

// walDir is the WAL directory if it is not where it would be anyway.
func (o *RestoreOptions) walDir() string {
	if o.WALDir == "" || filepath.Clean(o.WALDir) == filepath.Join(o.dataDir(), "member", "wal") {
		return ""
	}
	return o.WALDir
}

func (o *RestoreOptions) initialCluster() string {
	switch {
	case o.InitialCluster != "":
		return o.InitialCluster
	case len(o.AdvertisePeerURLs) > 0:
		var pairs []string
		for _, u := range o.AdvertisePeerURLs {
			pairs = append(pairs, o.Name+"="+u)
		}
		return strings.Join(pairs, ",")
	}
	return o.Name + "=" + defaultPeerURL
}

func (o *RestoreOptions) bump() restore.Bump {
	switch {
	case o.BumpRevision.Auto:
		return restore.Bump{Mode: restore.BumpAuto}
	case o.given("bump-revision") || o.given("mark-compacted"):
		return restore.Bump{Mode: restore.BumpBy, By: o.BumpRevision.By}
	}
	return restore.Bump{Mode: restore.BumpDefault}
}

// BumpValue is the value of --bump-revision: a number or auto.
type BumpValue struct {
	Auto bool
	By   uint64
}

// String implements pflag.Value.
func (b *BumpValue) String() string {
	if b.Auto {
		return "auto"
	}
	return strconv.FormatUint(b.By, 10)
}

// Type names the value in a help text.
func (b *BumpValue) Type() string { return "N|auto" }

// Set implements pflag.Value.
func (b *BumpValue) Set(s string) error {
	if s == "auto" {
		*b = BumpValue{Auto: true}
		return nil
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return fmt.Errorf("must be a number from 0 to 2^64-1 or auto")
	}
	*b = BumpValue{By: n}
	return nil
}
