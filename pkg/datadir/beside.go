package datadir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/etcd-restore/etcd-restore/pkg/internal/durable"
	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

// ErrNoPlace is returned when there is no good place for a new data directory near
// an old one.
var ErrNoPlace = errors.New("no place for a new data directory")

// restoredSuffix is what a restore put behind the name of the directory before it.
var restoredSuffix = regexp.MustCompile(`-restored-[0-9A-Za-z.-]+$`)

// restoredInside is the name of a directory that a restore put into the one before it.
var restoredInside = regexp.MustCompile(`^restored-[0-9A-Za-z.-]+$`)

var suffixForm = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z.-]*$`)

// Beside chooses where the data directory that replaces an old one goes, on the
// same file system:
//
//	/var/lib/etcd                            /var/lib/etcd-restored-<suffix>
//	/var/lib/etcd-restored-x                 /var/lib/etcd-restored-<suffix>
//	/var/lib/etcd, a mount point             /var/lib/etcd/restored-<suffix>
//	/var/lib/etcd/restored-x, in such a one  /var/lib/etcd/restored-<suffix>
//
// inside reports that it is one of the last two. The old directory may be gone; the
// one above it must be there. Links in the path are resolved, since what lies beside
// a link may be another file system.
func Beside(old, suffix string) (path string, inside bool, err error) {
	if !suffixForm.MatchString(suffix) {
		return "", false, fmt.Errorf("%w: %q is no suffix of a name", ErrNoPlace, suffix)
	}
	if old, err = resolve(old); err != nil {
		return "", false, err
	}
	parent, base := filepath.Split(old)
	parent = filepath.Clean(parent)
	if base == "" {
		return "", false, fmt.Errorf("%w: %s is no data directory", ErrNoPlace, old)
	}
	own, err := mountPoint(old)
	if err != nil {
		return "", false, err
	}
	above := false
	if !own && strings.HasPrefix(base, "restored-") && parent != "/" {
		if above, err = mountPoint(parent); err != nil {
			return "", false, err
		}
	}
	switch {
	case own:
		path, inside = filepath.Join(old, "restored-"+suffix), true
	case above:
		path, inside = filepath.Join(parent, "restored-"+suffix), true
	default:
		path = filepath.Join(parent, restoredSuffix.ReplaceAllString(base, "")+"-restored-"+suffix)
	}
	if filepath.Base(filepath.Dir(path)) == "member" {
		return "", false, hint.New(fmt.Errorf("%w: %s would lie in the directory %s, which is etcd's own", ErrNoPlace, path, filepath.Dir(path)),
			"mount the file system at the data directory itself, one above, or name another place")
	}
	return path, inside, nil
}

// Origin is the directory that the names of all that restores have put beside it, or
// into it, were made from.
func Origin(dir string) string {
	elements := strings.Split(filepath.Clean(dir), string(filepath.Separator))
	kept := elements[:0]
	for i, e := range elements {
		if i > 1 && restoredInside.MatchString(e) {
			continue
		}
		kept = append(kept, restoredSuffix.ReplaceAllString(e, ""))
	}
	return strings.Join(kept, string(filepath.Separator))
}

// resolve follows the links to a directory that may be gone.
func resolve(dir string) (string, error) {
	if !filepath.IsAbs(dir) {
		return "", fmt.Errorf("%w: %q is not an absolute path", ErrNoPlace, dir)
	}
	dir = filepath.Clean(dir)
	resolved, err := filepath.EvalSymlinks(dir)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(dir); err == nil {
			return "", hint.New(fmt.Errorf("%w: %s is a symbolic link to nothing", ErrNoPlace, dir), "create what it points to, or mount what should be there")
		}
		parent, err := filepath.EvalSymlinks(filepath.Dir(dir))
		if err != nil {
			return "", hint.New(fmt.Errorf("%w: %w", ErrNoPlace, err), "is its file system mounted?")
		}
		return filepath.Join(parent, filepath.Base(dir)), nil
	}
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrNoPlace, err)
	}
	return resolved, nil
}

// mountPoint reports whether something is mounted at a directory. What is gone is no
// mount point. The device tells for a file system, the kernel's list also for a part
// of one that is mounted there as well.
func mountPoint(dir string) (bool, error) {
	_, device, err := durable.Space(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	_, above, err := durable.Space(filepath.Dir(dir))
	if err != nil {
		return false, err
	}
	if device != above {
		return true, nil
	}
	table, err := os.ReadFile("/proc/self/mountinfo")
	if errors.Is(err, fs.ErrNotExist) { // not Linux
		return false, nil
	} else if err != nil {
		return false, fmt.Errorf("list of mounts: %w", err)
	}
	return mountedAt(string(table), dir), nil
}

// mountedAt looks for a directory in the kernel's list (proc_pid_mountinfo(5)), in
// which white space and backslashes are written in octal.
func mountedAt(table, dir string) bool {
	escaped := strings.NewReplacer(`\`, `\134`, " ", `\040`, "\t", `\011`, "\n", `\012`, "#", `\043`).Replace(dir)
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) > 4 && (fields[4] == escaped || fields[4] == strings.ReplaceAll(escaped, `\043`, "#")) {
			return true
		}
	}
	return false
}
