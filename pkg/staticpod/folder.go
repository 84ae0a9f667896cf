package staticpod

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

// Folder is the kubelet's folder of manifests.
type Folder struct {
	Path  string
	Files []File // in the order in which the kubelet reads them
}

// File is one entry of the folder that the kubelet looks at.
type File struct {
	Name     string
	Path     string
	Mode     fs.FileMode // of the entry itself, not of what a link points to
	Manifest *Manifest   // nil if Err is set
	Err      error       // why there is no manifest
}

// Read reads a folder. It fails if that is not possible at all; what is wrong with
// a file is told with the file.
func Read(dir string) (*Folder, error) {
	entries, err := os.ReadDir(dir) // sorted
	if err != nil {
		return nil, fmt.Errorf("read the folder of manifests: %w", err)
	}
	f := &Folder{Path: dir}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		file := File{Name: e.Name(), Path: filepath.Join(dir, e.Name()), Mode: e.Type()}
		file.Manifest, file.Err = readFile(file.Path)
		f.Files = append(f.Files, file)
	}
	return f, nil
}

// maxSize is what the kubelet reads of a file at most.
const maxSize = 10 << 20

// readFile follows a link, as the kubelet does, and waits for nothing.
func readFile(name string) (*Manifest, error) {
	file, err := os.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: it is no file", ErrManifest)
	}
	text, err := io.ReadAll(io.LimitReader(file, maxSize))
	if err != nil {
		return nil, err
	}
	return Parse(text)
}

// Component returns the one manifest of a part of the control plane: of etcd,
// kube-apiserver, kube-controller-manager or kube-scheduler.
func (f *Folder) Component(name string) (File, error) {
	var found []File
	for _, file := range f.Files {
		if file.Manifest != nil && file.Manifest.Pod.is(name) {
			found = append(found, file)
		}
	}
	switch len(found) {
	case 0:
		return File{}, hint.New(fmt.Errorf("%w: nothing in %s runs %s", missing(name), f.Path, name), "is this a control-plane node of kubeadm, and is its etcd not an external one?")
	case 1:
		return found[0], nil
	}
	return File{}, hint.New(fmt.Errorf("%w: %s and %s both run %s", ErrSeveral, found[0].Path, found[1].Path, name),
		"the kubelet runs every file there, whatever its name: move the one that is wrong out of %s", f.Path)
}

func missing(component string) error {
	if component == "etcd" {
		return ErrNoEtcd
	}
	return fs.ErrNotExist
}

// is reports whether a pod is the part of the control plane that it says it is,
// or runs its program.
func (p *Pod) is(component string) bool {
	if p.Namespace == "kube-system" && p.Labels["component"] == component {
		return true
	}
	for i := range p.Containers {
		if p.Containers[i].program() == component {
			return true
		}
	}
	return false
}

// Problem says what is wrong with a file in the folder.
type Problem string

// The problems.
const (
	ProblemDirectory  Problem = "directory"  // the kubelet does not look into it
	ProblemLink       Problem = "link"       // a link is no place to rename a manifest to
	ProblemSpecial    Problem = "special"    // a pipe, a socket, a device
	ProblemUnreadable Problem = "unreadable" // an error of the file system
	ProblemMalformed  Problem = "malformed"  // not a pod
	ProblemDuplicate  Problem = "duplicate"  // the same pod as another file: the last counts
	ProblemName       Problem = "name"       // named like a backup, and run all the same
)

// Finding is a file that does not belong into the folder as it is.
type Finding struct {
	File    string
	Problem Problem
	Detail  string
}

// Findings tells everything about the folder that a person should mend before
// files are moved in it.
func (f *Folder) Findings() []Finding {
	var findings []Finding
	first := map[string]string{} // file by pod
	for _, file := range f.Files {
		add := func(p Problem, format string, args ...any) {
			findings = append(findings, Finding{file.Name, p, fmt.Sprintf(format, args...)})
		}
		switch {
		case file.Mode.IsDir():
			add(ProblemDirectory, "the kubelet does not look into directories")
			continue
		case file.Mode&fs.ModeSymlink != 0:
			add(ProblemLink, "it is a symbolic link")
		case !file.Mode.IsRegular():
			add(ProblemSpecial, "it is no file")
			continue
		}
		if file.Manifest == nil {
			add(problemOf(file.Err), "%v", file.Err)
			continue
		}
		switch strings.ToLower(filepath.Ext(file.Name)) {
		case ".yaml", ".yml", ".json":
		default:
			add(ProblemName, "the kubelet runs it, whatever its name")
		}
		pod := file.Manifest.Pod.Namespace + "/" + file.Manifest.Pod.Name
		if other, twice := first[pod]; twice {
			add(ProblemDuplicate, "it is the pod %s, as %s is", pod, other)
		} else {
			first[pod] = file.Name
		}
	}
	return findings
}

func problemOf(err error) Problem {
	if errors.Is(err, ErrManifest) {
		return ProblemMalformed
	}
	return ProblemUnreadable
}
