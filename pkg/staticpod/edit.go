package staticpod

import (
	"fmt"
	"path"
	"strings"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
	"github.com/etcd-restore/etcd-restore/pkg/internal/yamledit"
)

// Edit is a new hostPath for a volume.
type Edit struct {
	Volume string `json:"volume"`
	From   string `json:"from"` // hostPath.path as it stands, byte for byte when it is applied
	To     string `json:"to"`
}

// Edits are the changes that let etcd find its data in the directory data of the
// node, and its log in wal. With the log in the data's volume, wal is where it
// lies below data as it does today, and may be "".
//
// It refuses what would change more than etcd's data, with ErrShared, and with
// ErrBelow what the mounts cannot express. Exchanging the directories themselves
// works then, too.
func (m *Manifest) Edits(s Storage, data, wal string) ([]Edit, error) {
	edit, err := m.edit(s.Data, data)
	if err != nil {
		return nil, err
	}
	edits := []Edit{edit}
	switch {
	case s.WAL == nil && wal != "":
		return nil, fmt.Errorf("%w: %s is given for a log that lies in the data directory", ErrBelow, wal)
	case s.WAL == nil:
		return edits, nil
	case s.WAL.Volume == s.Data.Volume:
		if moved := path.Join(edit.To, s.WAL.Below); wal != "" && wal != moved {
			return nil, hint.New(fmt.Errorf("%w: data and log are in volume %q, so with the data in %s the log is in %s", ErrBelow, s.WAL.Volume, data, moved), "restore the log to %s", moved)
		}
		return edits, nil
	}
	if edit, err = m.edit(*s.WAL, wal); err != nil {
		return nil, err
	}
	return append(edits, edit), nil
}

const exchange = "or exchange the old and the new directory, which leaves the manifest alone"

func (m *Manifest) edit(l Location, dir string) (Edit, error) {
	switch {
	case !path.IsAbs(dir) || path.Clean(dir) != dir || dir == "/":
		return Edit{}, fmt.Errorf("%w: %q is no absolute path of a directory", ErrNotOnHost, dir)
	case len(l.Others) > 0:
		return Edit{}, hint.New(fmt.Errorf("%w: %q, which holds %s, is also used by %s", ErrShared, l.Volume, l.Path, strings.Join(l.Others, ", ")),
			"give etcd's data a volume of their own, %s", exchange)
	}
	to := dir
	if l.Below != "" {
		var inside bool
		if to, inside = strings.CutSuffix(dir, "/"+l.Below); !inside || to == "" {
			return Edit{}, hint.New(fmt.Errorf("%w: %s is %s in volume %q, so %s cannot take its place", ErrBelow, l.Path, l.Below, l.Volume, dir),
				"choose a directory that ends in /%s, %s", l.Below, exchange)
		}
	}
	return Edit{Volume: l.Volume, From: m.hostPath(l.Volume), To: to}, nil
}

func (m *Manifest) hostPath(volume string) string {
	for _, v := range m.Pod.Volumes {
		if v.Name == volume {
			return v.HostPath
		}
	}
	return ""
}

// Apply returns the manifest with other hostPaths and without any other change,
// not even of a byte.
func (m *Manifest) Apply(edits ...Edit) (*Manifest, error) {
	for _, e := range edits {
		v, found := m.volume(e.Volume)
		if old, _ := v.Get("hostPath", "path").Text(); !found || old != e.From {
			return nil, fmt.Errorf("%w: the hostPath of volume %q is %q and not %q", ErrChanged, e.Volume, old, e.From)
		}
		text, err := m.doc.Replace(v.Get("hostPath", "path"), e.To)
		if err != nil {
			return nil, fmt.Errorf("change the hostPath of volume %q: %w", e.Volume, err)
		}
		if m, err = Parse(text); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *Manifest) volume(name string) (yamledit.Value, bool) {
	for _, v := range m.doc.Root().Get("spec", "volumes").Items() {
		if n, _ := v.Get("name").Text(); n == name {
			return v, true
		}
	}
	return yamledit.Value{}, false
}
