package preflight

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/dustin/go-humanize"

	"github.com/etcd-restore/etcd-restore/pkg/internal/durable"
	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
	"github.com/etcd-restore/etcd-restore/pkg/restore"
)

// A new member needs more than its files: etcd makes segments of its log ahead, two
// of 64 MB, and its database grows from the first write on.
const (
	logAhead = 128 << 20
	growth   = 128 << 20
)

// need is what a restore takes of one file system.
type need struct {
	dir         string // that exists
	device      uint64
	bytes, free int64
}

// freeSpace wants room for the copy and for the first hours of the new member. Where
// blocks can be shared with the snapshot, the copy takes none.
func (s *subject) freeSpace(ctx context.Context) []Finding {
	if s.DataDir == "" {
		return skip("there is no directory to restore into, see EtcdStorage")
	}
	c, err := s.sized(ctx)
	if err != nil {
		return skip("%w", err)
	}
	data := int64(growth)
	if !s.clones(c) {
		data += c.size
	}
	var needs []need
	if s.Snapshot.Elsewhere { // it has to come here first
		if needs, err = add(needs, filepath.Dir(s.Snapshot.Path), c.size); err != nil {
			return bad(err)
		}
	}
	targets := s.targets()
	if needs, err = add(needs, targets[0], data); err != nil {
		return bad(err)
	}
	if needs, err = add(needs, targets[len(targets)-1], logAhead); err != nil { // the log's own, if it has one
		return bad(err)
	}
	var found []Finding
	for _, n := range needs {
		if n.bytes > n.free {
			found = append(found, bad(hint.New(fmt.Errorf("%w: the file system of %s has %s free, the restore needs %s", restore.ErrSpace, n.dir, humanize.IBytes(uint64(n.free)), humanize.IBytes(uint64(n.bytes))),
				"see what earlier restores and upgrades left: du -sh %s* /etc/kubernetes/tmp/*", hint.Path(s.Facts.Data.Dir.Path)))...)
		}
	}
	return found
}

// add adds to the needs of the file system that target will be on.
func add(needs []need, target string, bytes int64) ([]need, error) {
	dir, err := existing(target)
	if err != nil {
		return nil, err
	}
	free, device, err := durable.Space(dir)
	if err != nil {
		return nil, err
	}
	for i := range needs {
		if needs[i].device == device {
			needs[i].bytes += bytes
			return needs, nil
		}
	}
	return append(needs, need{dir, device, bytes, free}), nil
}

// clones reports whether the database can share the blocks of the snapshot.
func (s *subject) clones(c *contents) bool {
	dir, err := existing(s.Node.Path(s.DataDir))
	if err != nil || !c.whole {
		return false
	}
	from, err := existing(filepath.Dir(s.Snapshot.Path))
	if err != nil {
		return false
	}
	_, source, err := durable.Space(from)
	if err != nil {
		return false
	}
	_, device, err := durable.Space(dir)
	return err == nil && device == source && durable.SharesBlocks(dir)
}
