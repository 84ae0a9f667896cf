package staticpod

import (
	"fmt"
	"path"
	"strings"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

// Storage is where an etcd keeps its data.
type Storage struct {
	Data Location
	WAL  *Location // nil if it is member/wal in Data
}

// Location is a directory that a container sees, and where on the node it is.
type Location struct {
	Path       string // in the container
	Volume     string
	VolumePath string   // hostPath.path of the volume, cleaned
	Below      string   // where below VolumePath the directory is; "" if the volume is the directory
	Others     []string // what else uses the volume, for a person to read
}

// HostPath is the directory on the node.
func (l Location) HostPath() string { return path.Join(l.VolumePath, l.Below) }

// Etcd is the container that runs etcd.
func (m *Manifest) Etcd() (*Container, error) { return m.Program("etcd") }

// Program is the container that runs a program of the control plane.
func (m *Manifest) Program(name string) (*Container, error) {
	var found *Container
	for i := range m.Pod.Containers {
		c := &m.Pod.Containers[i]
		if c.program() != name && c.Name != name {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("%w: containers %q and %q of pod %q both run %s", ErrSeveral, found.Name, c.Name, m.Pod.Name, name)
		}
		found = c
	}
	if found == nil {
		return nil, fmt.Errorf("%w: no container of pod %q runs %s", missing(name), m.Pod.Name, name)
	}
	return found, nil
}

// HostPath is where on the node a file is that a container sees at an absolute
// path.
func (m *Manifest) HostPath(c *Container, file string) (string, error) {
	if !path.IsAbs(file) {
		return "", fmt.Errorf("%w: %s is relative to a directory that only the image knows", ErrNotOnHost, file)
	}
	l, _, err := m.locate(c, path.Clean(file))
	if err != nil {
		return "", err
	}
	return l.HostPath(), nil
}

// Storage finds the directories of --data-dir and --wal-dir on the node.
func (m *Manifest) Storage() (Storage, error) {
	c, err := m.Etcd()
	if err != nil {
		return Storage{}, err
	}
	flags, err := c.EtcdFlags()
	if err != nil {
		return Storage{}, err
	}
	data, err := m.locateFlag(c, flags, "data-dir")
	if err != nil {
		return Storage{}, err
	}
	s := Storage{Data: *data}
	if s.WAL, err = m.locateFlag(c, flags, "wal-dir"); err != nil {
		return Storage{}, err
	}
	if s.WAL != nil && s.WAL.Path == path.Join(s.Data.Path, "member", "wal") {
		s.WAL = nil
	}
	return s, m.findOthers(&s, c, flags)
}

func (m *Manifest) locateFlag(c *Container, flags Flags, name string) (*Location, error) {
	flag, err := flags.Get(name)
	if err != nil || flag.Value == "" {
		return nil, err
	}
	dir := flag.Value
	if !path.IsAbs(dir) && c.WorkingDir != "" {
		dir = path.Join(c.WorkingDir, dir)
	}
	if !path.IsAbs(dir) {
		return nil, hint.New(fmt.Errorf("%w: --%s=%s (from its %s) is relative to a directory that only the image knows", ErrNotOnHost, name, dir, flag.Source),
			"give etcd an absolute path below a hostPath volume")
	}
	l, _, err := m.locate(c, path.Clean(dir))
	if err != nil {
		return nil, fmt.Errorf("--%s: %w", name, err)
	}
	return l, nil
}

// locate finds the mount that a path lies in, the innermost, and the volume
// behind it.
func (m *Manifest) locate(c *Container, dir string) (*Location, *Mount, error) {
	var mount *Mount
	for i := range c.Mounts {
		candidate := &c.Mounts[i]
		if _, inside := below(candidate.Path, dir); inside && (mount == nil || len(path.Clean(candidate.Path)) > len(path.Clean(mount.Path))) {
			mount = candidate
		}
	}
	if mount == nil {
		return nil, nil, hint.New(fmt.Errorf("%w: %s is in no volume, so it is lost with the container", ErrNotOnHost, dir), "mount a hostPath volume there")
	}
	if mount.SubPathExpr != "" {
		return nil, nil, fmt.Errorf("%w: the subPathExpr %q of %s", ErrUnknown, mount.SubPathExpr, mount.Path)
	}
	for _, v := range m.Pod.Volumes {
		if v.Name != mount.Volume {
			continue
		}
		if !path.IsAbs(v.HostPath) {
			return nil, nil, fmt.Errorf("%w: volume %q, which holds %s, has no hostPath", ErrNotOnHost, v.Name, dir)
		}
		rest, _ := below(mount.Path, dir)
		return &Location{Path: dir, Volume: v.Name, VolumePath: path.Clean(v.HostPath), Below: strings.TrimPrefix(path.Join("/", mount.SubPath, rest), "/")}, mount, nil
	}
	return nil, nil, fmt.Errorf("%w: volume %q, which is mounted at %s, is not in the manifest", ErrManifest, mount.Volume, mount.Path)
}

// below returns what remains of dir behind parent, if it is that or lies in it.
func below(parent, dir string) (rest string, inside bool) {
	parent = path.Clean(parent)
	if dir == parent {
		return "", true
	}
	return strings.CutPrefix(dir, strings.TrimSuffix(parent, "/")+"/")
}

// findOthers looks for whatever else lies in the volumes of s. A mount inside the
// directories of etcd would put old files into a new directory.
func (m *Manifest) findOthers(s *Storage, etcd *Container, flags Flags) error {
	own := map[*Mount]bool{}
	for _, l := range s.locations() {
		_, mount, err := m.locate(etcd, l.Path)
		if err != nil {
			return err
		}
		own[mount] = true
	}
	for i := range etcd.Mounts {
		mount := &etcd.Mounts[i]
		for _, l := range s.locations() {
			if _, inside := below(l.Path, path.Clean(mount.Path)); inside && !own[mount] {
				return hint.New(fmt.Errorf("%w: volume %q is mounted at %s, inside %s", ErrShared, mount.Volume, mount.Path, l.Path),
					"a restored directory would get the old files of that volume: give etcd its log with --wal-dir, or remove the mount")
			}
		}
	}
	for _, l := range s.locations() {
		l.Others = append(m.otherMounts(l.Volume, own), m.otherFlags(l.Volume, etcd, flags)...)
	}
	return nil
}

func (s *Storage) locations() []*Location {
	if s.WAL == nil {
		return []*Location{&s.Data}
	}
	return []*Location{&s.Data, s.WAL}
}

func (m *Manifest) otherMounts(volume string, own map[*Mount]bool) []string {
	var others []string
	for _, containers := range [][]Container{m.Pod.InitContainers, m.Pod.Containers} {
		for i := range containers {
			for j := range containers[i].Mounts {
				if mount := &containers[i].Mounts[j]; mount.Volume == volume && !own[mount] {
					others = append(others, fmt.Sprintf("container %q at %s", containers[i].Name, mount.Path))
				}
			}
		}
	}
	return others
}

// otherFlags are the flags of etcd that name another file in the volume, such as
// a certificate.
func (m *Manifest) otherFlags(volume string, etcd *Container, flags Flags) []string {
	var others []string
	for _, name := range flags.Names() {
		flag, err := flags.Get(name)
		if err != nil || name == "data-dir" || name == "wal-dir" {
			continue
		}
		for value := range strings.SplitSeq(flag.Value, ",") {
			if !path.IsAbs(value) {
				continue
			}
			if l, _, err := m.locate(etcd, path.Clean(value)); err == nil && l.Volume == volume {
				others = append(others, fmt.Sprintf("--%s=%s", name, value))
			}
		}
	}
	return others
}
