package snapshotx

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"

	"github.com/etcd-restore/etcd-restore/pkg/datadir"
	"github.com/etcd-restore/etcd-restore/pkg/etcdclient"
	"github.com/etcd-restore/etcd-restore/pkg/evidence"
	"github.com/etcd-restore/etcd-restore/plugins/internal/exitcode"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
)

// splitDataDir reads DIR or DIR,WAL-DIR. A comma in the name of a directory that
// exists is part of the name.
func splitDataDir(value string) (dir, walDir string) {
	if info, err := os.Stat(value); err == nil && info.IsDir() {
		return value, ""
	}
	dir, walDir, _ = strings.Cut(value, ",")
	return dir, walDir
}

// readDataDir is what the data directory of a stopped member tells, given as DIR
// or DIR,WAL-DIR.
func readDataDir(ctx context.Context, value string) (evidence.Source, error) {
	dir, walDir := splitDataDir(value)
	s, err := evidence.FromDataDir(ctx, dir, walDir)
	switch {
	case err == nil || errors.As(err, new(interface{ Hint() string })):
	case errors.Is(err, datadir.ErrNotDataDir):
		err = output.WithHint(err, "give the old member's --data-dir, or leave it out if that is lost")
	case errors.Is(err, datadir.ErrCorrupt), errors.Is(err, datadir.ErrIncomplete):
		err = output.WithHint(err, "copy it again from where it came, or leave it out: then its member counts as one of which there is no evidence")
	}
	return s, err
}

// readNumbers are the values of --seen-revision.
func readNumbers(values []string) ([]evidence.Source, error) {
	var sources []evidence.Source
	for _, text := range values {
		rev, err := strconv.ParseInt(text, 10, 64)
		if err != nil || rev <= 0 {
			return nil, exitcode.Usage(output.WithHint(fmt.Errorf("--seen-revision must be a positive number, got %q", text),
				"it is what a response header or a metric of the old cluster has shown"))
		}
		sources = append(sources, evidence.Source{Kind: evidence.Number, Name: "--seen-revision", Proven: rev, Open: evidence.OpenTold})
	}
	return sources, nil
}

// askMembers asks live members for their status, each for its own, and no others
// than these, in their order.
func askMembers(ctx context.Context, conn Connection, streams Streams, endpoints []string) ([]etcdclient.MemberStatus, error) {
	conn.Endpoints, conn.DiscoverySRV = endpoints, ""
	cfg, err := conn.Config(ctx, streams)
	if err != nil {
		return nil, err
	}
	client, err := etcdclient.Dial(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	return client.Members(ctx), nil
}

// memberSource is what the status of a live member tells. What the cluster has
// agreed on and the member not yet applied may have been served by others.
func memberSource(m etcdclient.MemberStatus) evidence.Source {
	s := evidence.Source{
		Kind: evidence.Member, Name: m.Endpoint, Proven: m.Revision, Open: evidence.OpenRunning,
		ConsistentIndex: m.AppliedIndex, MemberID: m.MemberID, ClusterID: m.ClusterID,
	}
	if m.RaftIndex > m.AppliedIndex {
		s.Ahead = int64(min(m.RaftIndex-m.AppliedIndex, math.MaxInt64))
	}
	return s
}
