package preflight

import (
	"context"
	"fmt"

	"github.com/coreos/go-semver/semver"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
	"github.com/etcd-restore/etcd-restore/pkg/restore"
)

// bumpSafe are the first patch releases, by minor version, whose revision does not go
// back if they crash in a compaction, as the marking starts one
// (etcd-io/etcd#17780). From 3.6 on all are.
func bumpSafe(minor int64) (patch int64, known bool) {
	switch minor {
	case 4:
		return 32, true
	case 5:
		return 14, true
	}
	return 0, minor >= 6
}

// etcdVersion looks at the server that is to serve the restored data.
func (s *subject) etcdVersion(context.Context) []Finding {
	e := s.Facts.Etcd
	switch {
	case e.Err != nil:
		return skip("there is no etcd to look at, see EtcdManifest")
	case e.VersionErr != nil:
		return bad(or(e.VersionErr, "look what it is: crictl inspecti %s; if it is at least 3.4.32, 3.5.14 or 3.6.0, this can be ignored", hint.Path(e.Container.Image)))
	}
	v := e.Version
	patch, known := bumpSafe(v.Minor)
	versions := restore.Versions()
	switch {
	case v.Major != 3 || !known:
		return bad(hint.New(fmt.Errorf("%w: the node runs etcd %s; restores are made for %s to %s", ErrVersion, v, versions[0], versions[len(versions)-1]),
			"change the image in %s first", hint.Path(e.File.Path)))
	case s.Bump && v.Patch < patch:
		return bad(hint.New(fmt.Errorf("%w: etcd %s can lose revisions if it crashes in a compaction, the raised one too; 3.%d.%d cannot", ErrVersion, v, v.Minor, patch),
			"change the image in %s to 3.%d.%d or later first", hint.Path(e.File.Path), v.Minor, patch))
	case !supported(v):
		return warn(fmt.Errorf("%w: etcd %s is newer than %s, the last that restores were tried with", ErrVersion, v, versions[len(versions)-1]))
	}
	return nil
}

func supported(v *semver.Version) bool {
	for _, known := range restore.Versions() {
		if known == minorOf(v) {
			return true
		}
	}
	return false
}

func minorOf(v *semver.Version) string { return fmt.Sprintf("%d.%d", v.Major, v.Minor) }

// snapshotVersion compares what the snapshot was written by with what is to read
// it: an etcd refuses the data of a later one, and does so once all is stopped.
func (s *subject) snapshotVersion(ctx context.Context) []Finding {
	server := s.Facts.Etcd.Version
	if server == nil {
		return skip("the version of etcd is not known, see EtcdVersion")
	}
	if s.TargetVersion != "" {
		return bad(tooNew("the restore is made for", s.TargetVersion+".0", server))
	}
	c, err := s.usable(ctx)
	if err != nil {
		return skip("%w", err)
	}
	found := bad(tooNew("the snapshot has storage version", c.facts.StorageVersion, server))
	if len(found) == 0 {
		found = bad(tooNew("the snapshot is from a cluster at version", c.facts.ClusterVersion, server))
	}
	if c.facts.Downgrading && len(found) == 0 {
		found = warn(fmt.Errorf("the snapshot was taken while its cluster was being downgraded; that is dropped"))
	}
	return found
}

func tooNew(what, version string, server *semver.Version) error {
	if version == "" { // it came with 3.6
		return nil
	}
	v, err := semver.NewVersion(version)
	if err != nil {
		return hint.New(fmt.Errorf("%w: %s %q, which is none", ErrVersion, what, version), "look at it: etcdctl-snapshot-x status -w json")
	}
	if v.Major < server.Major || v.Major == server.Major && v.Minor <= server.Minor {
		return nil
	}
	return hint.New(fmt.Errorf("%w: %s %s, and etcd %s would not start on it", ErrVersion, what, minorOf(v), server),
		"make a new plan for the server that is there, %s, or change its image to %s first", minorOf(server), minorOf(v))
}
