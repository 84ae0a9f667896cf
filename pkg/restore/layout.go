package restore

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/datadir"
	"github.com/etcd-restore/etcd-restore/pkg/internal/durable"
	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

// run is one restore under way.
type run struct {
	Config
	now     time.Time
	plan    *Plan
	members []build
	parts   []part // in the order in which they are published
}

// build is one member under way. Its directories lie below a part.
type build struct {
	id              uint64
	fs              durable.FS
	dirs            []string // to create, outermost first
	snapDir, walDir string
	top             string      // the data directory, if it is made
	mode            fs.FileMode // of top, 0 to leave it
}

func (b build) db() string { return filepath.Join(b.snapDir, "db") }

// part is a directory that is built and then published: the file or directory
// from becomes to.
type part struct {
	path     string // of the directory to remove when all is over
	fs       durable.FS
	from, to string
	made     bool // the directory is there
	lock     *os.File
	done     bool // published
}

// newRun checks the configuration and the targets, and lays out what to build.
func newRun(cfg Config) (*run, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	if cfg.Progress == nil {
		cfg.Progress = quiet{}
	}
	r := &run{Config: cfg, now: time.Now(), plan: cfg.describe()}
	if cfg.Parent == "" {
		return r, r.layOut(nil)
	}
	parent, err := examineParent(cfg.Parent)
	if err != nil {
		return nil, err
	}
	if parent.exists {
		return r, r.layOut(nil)
	}
	root := part{path: parent.partPath(), fs: r.FS, to: parent.path}
	root.from = root.path
	if err := r.layOut(&root); err != nil {
		return nil, err
	}
	r.parts = append(r.parts, root)
	return r, nil
}

// layOut adds all members. With a root they are all built and published in it.
func (r *run) layOut(root *part) error {
	for i, t := range r.Targets {
		m, ok := r.Cluster.Member(t.Member)
		if !ok {
			return hint.New(fmt.Errorf("%w: %q is not a name in the initial cluster", ErrConfig, t.Member),
				"its names are in --initial-cluster=%s", r.Cluster.InitialCluster())
		}
		if err := r.checkPaths(t); err != nil {
			return err
		}
		b := build{id: m.ID, fs: r.FS}
		data := place{path: absolute(t.DataDir)}
		if root == nil {
			var err error
			if data, err = examine(t.DataDir); err != nil {
				return err
			}
			b.fs.Owner = data.owner
		}
		if t.Like != "" {
			if err := b.resemble(t.Like, data); err != nil {
				return err
			}
		}
		if t.WALDir != "" {
			if err := r.addWAL(&b, t); err != nil {
				return err
			}
		}
		r.addData(&b, data, root)
		r.members = append(r.members, b)
		r.plan.Members[i].DataDir = data.path
		if t.WALDir != "" {
			r.plan.Members[i].WALDir = absolute(t.WALDir)
		}
	}
	return nil
}

// checkPaths refuses paths that get into each other's way, by their names alone.
func (r *run) checkPaths(t Target) error {
	data, wal := absolute(t.DataDir), absolute(t.WALDir)
	switch {
	case r.Parent != "" && filepath.Dir(data) != absolute(r.Parent): // a name like ../m1
		return hint.New(fmt.Errorf("%w: the data directory %s of member %q does not lie in %s", ErrConfig, data, t.Member, absolute(r.Parent)),
			"restore it alone, with a data directory of your choice")
	case t.WALDir != "" && inside(wal, data):
		return hint.New(fmt.Errorf("%w: the WAL directory %s lies inside the data directory", ErrConfig, wal),
			"leave out --wal-dir for the usual place, or choose a directory elsewhere")
	case t.WALDir != "" && inside(data, wal):
		return hint.New(fmt.Errorf("%w: the data directory %s lies inside the WAL directory", ErrConfig, data),
			"choose a WAL directory elsewhere")
	}
	return nil
}

// inside reports whether path is dir or lies below it.
func inside(path, dir string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel)
}

// addData lays out the data directory, in a part of its own or below root.
func (r *run) addData(b *build, data place, root *part) {
	memberDir := ""
	switch {
	case root != nil:
		dir := filepath.Join(root.path, filepath.Base(data.path))
		memberDir = filepath.Join(dir, "member")
		b.top = dir
		b.dirs = append(b.dirs, dir, memberDir)
	case data.exists: // it may be a mount point: what appears is member, inside
		p := part{path: data.partPath(), fs: b.fs, to: filepath.Join(data.path, "member")}
		p.from = p.path
		memberDir = p.path
		r.parts = append(r.parts, p)
	default:
		p := part{path: data.partPath(), fs: b.fs, to: data.path}
		p.from = p.path
		b.top = p.path
		memberDir = filepath.Join(p.path, "member")
		b.dirs = append(b.dirs, memberDir)
		r.parts = append(r.parts, p)
	}
	b.snapDir = filepath.Join(memberDir, filepath.Base(datadir.SnapDir("")))
	b.dirs = append(b.dirs, b.snapDir)
	if b.walDir == "" {
		b.walDir = filepath.Join(memberDir, filepath.Base(datadir.WALDir("")))
		b.dirs = append(b.dirs, b.walDir)
	}
}

// addWAL lays out a log directory outside of the data directory. Its part comes
// first: a db without a log is taken for a new member, a log without a db is
// refused.
func (r *run) addWAL(b *build, t Target) error {
	wal, err := examine(t.WALDir)
	if err != nil {
		return err
	}
	p := part{path: wal.partPath(), fs: r.FS, to: wal.path}
	p.fs.Owner = wal.owner
	if t.Like != "" {
		if wal.exists {
			return keepsItsOwner(wal)
		}
		p.fs.Owner = b.fs.Owner
	}
	p.from = p.path
	if wal.exists {
		p.from = filepath.Join(p.path, datadir.WALName(0, 0))
		p.to = filepath.Join(wal.path, datadir.WALName(0, 0))
	}
	b.walDir = p.path
	r.parts = append(r.parts, p)
	return nil
}

// examineParent looks at the directory that is to hold all data directories.
func examineParent(path string) (place, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return place{}, err
	}
	p := place{path: abs}
	info, err := os.Stat(abs)
	switch {
	case os.IsNotExist(err):
		return p, p.examineAbsent()
	case err != nil:
		return place{}, fmt.Errorf("look at %s: %w", abs, err)
	case !info.IsDir():
		return place{}, hint.New(fmt.Errorf("%w: %s is a file", ErrTarget, abs), "give a directory")
	}
	p.exists = true
	return p, nil
}

// absolute is path seen from the root. Without a working directory it is itself.
func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}
