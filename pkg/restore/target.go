package restore

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/etcd-restore/etcd-restore/pkg/internal/durable"
	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

// place is where a directory is to appear: path is absent, or an empty directory
// that may be a mount point and is then filled from inside.
type place struct {
	path   string
	exists bool
	owner  *durable.Owner // of the existing directory
}

// examine refuses a path that holds anything. What an interrupted restore left
// there does not count.
func examine(path string) (place, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return place{}, err
	}
	p := place{path: abs}
	info, err := os.Stat(abs)
	if errors.Is(err, os.ErrNotExist) {
		return p, p.examineAbsent()
	}
	switch {
	case err != nil:
		return place{}, hint.New(fmt.Errorf("look at %s: %w", abs, err), "run it as the owner of the directory, or as root")
	case !info.IsDir():
		return place{}, hint.New(fmt.Errorf("%w: %s is a file", ErrTarget, abs), "give a directory that does not exist yet")
	}
	p.exists = true
	entries, err := os.ReadDir(abs)
	if err != nil {
		return place{}, hint.New(fmt.Errorf("look into %s: %w", abs, err), "run it as the owner of the directory, or as root")
	}
	for _, e := range entries {
		if name := e.Name(); name != "lost+found" && !isPart(name) {
			return place{}, hint.New(fmt.Errorf("%w: %s holds %q", ErrTarget, abs, name),
				"nothing is ever overwritten: choose another directory, or move the old one aside: mv %s %s", hint.Path(abs), hint.Path(abs+".old"))
		}
	}
	if os.Geteuid() == 0 {
		p.owner, err = durable.OwnerOf(abs)
	}
	return p, err
}

// examineAbsent checks the parent of a path that does not exist.
func (p place) examineAbsent() error {
	if _, err := os.Lstat(p.path); err == nil {
		return hint.New(fmt.Errorf("%w: %s is a symbolic link to nothing", ErrTarget, p.path), "remove the link, or create what it points to")
	}
	parent := filepath.Dir(p.path)
	info, err := os.Stat(parent)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return hint.New(fmt.Errorf("the directory above the target: %w", err), "create it: mkdir -p %s", hint.Path(parent))
	case err != nil:
		return fmt.Errorf("the directory above the target: %w", err)
	case !info.IsDir():
		return fmt.Errorf("the directory above the target: %s is a file", parent)
	}
	return nil
}

// partPath returns a fresh name for the part of p.
func (p place) partPath() string {
	id := make([]byte, 8)
	rand.Read(id) //nolint:errcheck // crypto/rand never fails
	name := ".part-" + hex.EncodeToString(id)
	if p.exists {
		return filepath.Join(p.path, name)
	}
	return p.path + name
}

// partName matches the end of every name that partPath gives.
var partName = regexp.MustCompile(`\.part-[0-9a-f]{16}$`)

func isPart(name string) bool { return name[0] == '.' && partName.MatchString(name) }

// Sweep removes what restores into a target that were killed left beside it. What is
// complete stays, and what belongs to a restore that runs. The next restore into the
// target does it, too.
func Sweep(fs durable.FS, t Target) error {
	for _, dir := range []string{t.DataDir, t.WALDir} {
		if _, err := os.Stat(filepath.Dir(dir)); dir == "" || errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err := sweep(fs, place{path: dir}.partPath()); err != nil {
			return err
		}
	}
	return nil
}

// sweep removes what restores that were killed left under the names that fresh
// could have had. A part whose lock is held belongs to one that runs.
func sweep(fs durable.FS, fresh string) error {
	dir := filepath.Dir(fresh)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("look for what an interrupted restore left: %w", err)
	}
	stem := partName.ReplaceAllString(filepath.Base(fresh), "")
	for _, e := range entries {
		if name := e.Name(); partName.ReplaceAllString(name, "") != stem || !partName.MatchString(name) {
			continue
		}
		path := filepath.Join(dir, e.Name())
		part, err := durable.OpenOwnDir(path)
		if err != nil {
			continue // gone, or not one of ours
		}
		// It may have been swept meanwhile, and another have the name.
		if durable.Lock(part) == nil && stands(path, part) && looksBuilt(part) {
			err = fs.RemoveAll(path)
		}
		part.Close()
		if err != nil {
			return fmt.Errorf("remove what an interrupted restore left: %w", err)
		}
	}
	return nil
}

// looksBuilt reports whether all that a part holds is what a restore puts there.
// Somebody else's directory may have such a name, too.
func looksBuilt(part *os.File) bool {
	names, err := part.Readdirnames(-1)
	if err != nil {
		return false
	}
	for _, name := range names {
		switch {
		case name == "member", name == "snap", name == "wal":
		case strings.HasSuffix(name, ".etcd"), strings.HasSuffix(name, ".wal"):
		default:
			return false
		}
	}
	return true
}
