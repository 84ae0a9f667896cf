package nodeprune

import (
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/etcd-restore/etcd-restore/pkg/datadir"
	"github.com/etcd-restore/etcd-restore/pkg/internal/durable"
	"github.com/etcd-restore/etcd-restore/pkg/journal"
	"github.com/etcd-restore/etcd-restore/pkg/noderejoin"
	"github.com/etcd-restore/etcd-restore/pkg/noderestore"
)

// Request says what to look for.
type Request struct {
	Folder  string            // of the runs
	Runs    []journal.Summary // the oldest first
	Current []string          // directories of etcd, by its manifest
	Names   []string          // of runs or decisions; none are all but the newest
	All     bool              // the runs themselves as well
}

// Find returns what runs have kept, of all runs or of those that are named, the oldest
// first. What is gone already is not there.
func Find(r Request) ([]Item, error) {
	f := finder{Request: r}
	for _, s := range r.Runs {
		f.note(s)
	}
	for _, k := range f.known {
		if len(r.Names) > 0 && !slices.Contains(r.Names, k.Name) && !slices.Contains(r.Names, k.id) {
			continue
		}
		if err := f.look(k); err != nil {
			return nil, err
		}
	}
	return f.items, nil
}

type finder struct {
	Request
	known  []known
	busy   []string // paths that runs name which are not finished
	newest string   // run that was committed
	items  []Item
}

// known is a run, and what it has left.
type known struct {
	journal.Summary
	id        string
	data, log string // old ones
}

func (f *finder) note(s journal.Summary) {
	k := known{Summary: s}
	var part *noderestore.Part
	swapped := false
	if plan, err := noderejoin.Decode(s.Plan); err == nil {
		k.id, part = plan.ID, &plan.Node
	} else if plan, err := noderestore.Decode(s.Plan); err == nil {
		k.id, part = plan.Decision.ID, &plan.Node
	}
	if part != nil {
		swapped = part.Mode == noderestore.ModeSwap
		k.data, k.log = part.OldData, part.OldWAL
		if swapped {
			k.data, k.log = part.NewData, part.NewWAL
		}
	}
	switch {
	case s.Err != nil || s.State.Outcome == "":
		if part != nil {
			f.busy = append(f.busy, part.OldData, part.NewData, part.OldWAL, part.NewWAL)
		}
	case s.State.Committed:
		f.newest = s.Name
	default: // taken back: it has left nothing but itself
		k.data, k.log = "", ""
	}
	f.known = append(f.known, k)
}

// look looks at what a run has left.
func (f *finder) look(k known) error {
	open := k.Err != nil || k.State.Outcome == ""
	for _, dir := range []struct {
		kind Kind
		path string
	}{{Data, k.data}, {Log, k.log}} {
		if dir.path == "" || open {
			continue
		}
		path := f.inside(dir.path)
		keep := ""
		switch {
		case f.has(path):
			continue
		case isThere(path):
			keep = f.needed(path, dir.kind)
		case isThere(path + removed): // by a process that was killed
			path += removed
		default:
			continue
		}
		if keep == "" && k.Name == f.newest && !f.named(k) {
			keep = fmt.Sprintf("it is what the newest run would go back to: name the run, %s, to remove it", cmp.Or(k.id, k.Name))
		}
		if err := f.add(Item{Kind: dir.kind, Run: k.Name, Path: path, Keep: keep}); err != nil {
			return err
		}
	}
	if path := filepath.Join(f.Folder, "old-data-"+k.Name+".db"); isThere(path) {
		if err := f.add(Item{Kind: Snapshot, Run: k.Name, Path: path}); err != nil {
			return err
		}
	}
	if !f.All {
		return nil
	}
	item := Item{Kind: Run, Run: k.Name, Path: filepath.Join(f.Folder, k.Name)}
	switch {
	case open:
		item.Keep = "it is not finished"
	case k.Name == f.newest:
		item.Keep = "it knows how far the revisions had come"
	}
	return f.add(item)
}

func (f *finder) named(k known) bool {
	return slices.Contains(f.Names, k.Name) || slices.Contains(f.Names, k.id)
}

func (f *finder) has(path string) bool {
	return slices.ContainsFunc(f.items, func(i Item) bool { return i.Path == path })
}

func (f *finder) add(item Item) (err error) {
	item.Size, err = sizeOf(item.Path)
	f.items = append(f.items, item)
	return err
}

// inside is what may go of a directory: of a mount point, in which etcd has another
// directory now, only what is the old etcd's own.
func (f *finder) inside(dir string) string {
	for _, current := range f.Current {
		if current != dir && within(dir, current) {
			return filepath.Join(dir, "member")
		}
	}
	return dir
}

// needed is why a directory stays.
func (f *finder) needed(path string, kind Kind) string {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err.Error()
	}
	for _, current := range f.Current {
		now := current
		if resolved, err := filepath.EvalSymlinks(current); err == nil {
			now = resolved
		}
		if within(real, now) || within(now, real) || within(path, current) || within(current, path) {
			return "etcd has its data there"
		}
	}
	for _, busy := range f.busy {
		if busy != "" && (within(path, busy) || within(busy, path)) {
			return "a run that is not finished needs it"
		}
	}
	if info, err := os.Lstat(path); err != nil || !info.IsDir() {
		return "it is no directory"
	}
	if !isData(path, kind) {
		return "it holds no data of etcd"
	}
	if locked(path) {
		return "a process has it open"
	}
	return ""
}

// isData reports whether a directory is what its kind says.
func isData(path string, kind Kind) bool {
	if kind == Log {
		files, _ := filepath.Glob(filepath.Join(path, "*.wal"))
		return len(files) > 0
	}
	if filepath.Base(path) == "member" {
		path = filepath.Dir(path)
	}
	return isThere(datadir.SnapDir(path)) || isThere(datadir.WALDir(path))
}

// locked reports whether an etcd runs on a directory.
func locked(path string) bool {
	if filepath.Base(path) == "member" {
		path = filepath.Dir(path)
	}
	db, err := os.Open(datadir.DBPath(path))
	if err != nil {
		return false
	}
	defer db.Close()
	return durable.Locked(db)
}

// within reports whether path is dir, or lies in it.
func within(dir, path string) bool {
	return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}

func isThere(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func sizeOf(path string) (size int64, err error) {
	err = filepath.WalkDir(path, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			size += info.Size()
		}
		return err
	})
	return size, err
}
