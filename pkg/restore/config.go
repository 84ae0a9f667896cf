package restore

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/etcd-restore/etcd-restore/pkg/internal/durable"
	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
	"github.com/etcd-restore/etcd-restore/pkg/membership"
	"github.com/etcd-restore/etcd-restore/pkg/revision"
)

var (
	// ErrTarget is returned for a target that is not free to be restored into.
	ErrTarget = errors.New("the target is not free")
	// ErrSpace is returned when the targets have too little room.
	ErrSpace = errors.New("not enough free space")
	// ErrOther is returned for a snapshot that is not the one that was expected.
	ErrOther = errors.New("this is another snapshot")
	// ErrConfig is returned for settings that contradict each other.
	ErrConfig = errors.New("invalid settings")
)

// Config says what to restore, for whom, and how.
type Config struct {
	Path   string    // the snapshot file, for messages if Stream is set
	Stream io.Reader // read the snapshot from here instead

	Cluster *membership.Cluster
	Targets []Target // the members to write; others of the cluster are restored elsewhere
	Parent  string   // if set, the directory of all data directories: made if need be, and then published as one

	ExpectSHA256  string // of the database, in hex; "" takes any
	SkipHashCheck bool   // take a file without trailer, after a check of its structure

	Bump          Bump
	MarkCompacted bool // end every watch of the old cluster with "compacted"
	Seen          []revision.Evidence

	Compact       bool   // write the live revisions only
	KeepAlarms    bool   // leave alarms raised
	ResetAuth     bool   // drop users and roles, switch authentication off
	TargetVersion string // etcd minor version to write for, "3.6"; "" leaves it to the snapshot

	Progress Progress
	FS       durable.FS
}

// Target is one member to restore and where to.
type Target struct {
	Member  string // its name in the cluster
	DataDir string
	WALDir  string // "" is member/wal in DataDir

	// Like is a directory whose owner and SELinux label all that is made gets, and
	// DataDir its permissions; "" leaves them to who runs the restore. DataDir and
	// WALDir must not exist then: a directory that does keeps what it has.
	Like string
}

// BumpMode says how the revision is raised.
type BumpMode int

// The bump modes.
const (
	BumpDefault BumpMode = iota // auto with MarkCompacted for a Kubernetes keyspace, none for others
	BumpBy                      // by a number, 0 is none
	BumpAuto                    // far enough to clear the evidence
)

// Bump raises the revision of the restored cluster above that of the snapshot.
type Bump struct {
	Mode BumpMode
	By   uint64 // revisions, with BumpBy
}

// Progress is told how far long work has come, in bytes. It may be nil. Add may
// be called from several goroutines.
type Progress interface {
	Start(what string, total int64) // total is -1 if unknown
	Add(n int64)
	Finish()
}

// Versions are the etcd versions that a restore can be made for.
func Versions() []string { return []string{"3.4", "3.5", "3.6", "3.7"} }

func (c *Config) validate() error {
	if len(c.Targets) == 0 {
		return fmt.Errorf("%w: no member to restore", ErrConfig)
	}
	return c.validateCluster()
}

// validateCluster is validate for a decision alone.
func (c *Config) validateCluster() error {
	switch {
	case c.Cluster == nil:
		return fmt.Errorf("%w: no member to restore", ErrConfig)
	case c.TargetVersion != "" && !slices.Contains(Versions(), c.TargetVersion):
		return hint.New(fmt.Errorf("%w: unknown target version %q", ErrConfig, c.TargetVersion), "it is one of %s", strings.Join(Versions(), ", "))
	}
	return nil
}
