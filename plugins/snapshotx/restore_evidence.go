package snapshotx

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/etcd-restore/etcd-restore/pkg/datadir"
	"github.com/etcd-restore/etcd-restore/pkg/etcdclient"
	"github.com/etcd-restore/etcd-restore/pkg/restore"
	"github.com/etcd-restore/etcd-restore/pkg/revision"
	"github.com/etcd-restore/etcd-restore/plugins/internal/exitcode"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
)

// evidence gathers what the --seen flags tell of the old cluster's revision.
// Evidence that was asked for and cannot be had is an error: without it the
// proof would be of something else.
func (o *RestoreOptions) evidence(ctx context.Context) ([]revision.Evidence, error) {
	var seen []revision.Evidence
	for _, text := range o.SeenRevisions {
		rev, err := strconv.ParseInt(text, 10, 64)
		if err != nil || rev <= 0 {
			return nil, exitcode.Usage(output.WithHint(fmt.Errorf("--seen-revision must be a positive number, got %q", text),
				"it is what a response header or a metric of the old cluster has shown"))
		}
		seen = append(seen, revision.Evidence{Source: "--seen-revision", Revision: rev})
	}
	for _, value := range o.SeenDataDirs {
		dir, walDir, _ := strings.Cut(value, ",")
		e, err := restore.SeenInDataDir(ctx, dir, walDir)
		if errors.Is(err, datadir.ErrNotDataDir) && !errors.As(err, new(interface{ Hint() string })) {
			err = output.WithHint(err, "give the old member's --data-dir, or leave it out if that is lost")
		}
		if err != nil {
			return nil, err
		}
		seen = append(seen, e)
	}
	live, err := o.seenLive(ctx)
	return append(seen, live...), err
}

// seenLive asks live members for their revision, each for its own.
func (o *RestoreOptions) seenLive(ctx context.Context) ([]revision.Evidence, error) {
	if len(o.SeenEndpoints) == 0 {
		return nil, nil
	}
	conn := *o.Connection
	conn.Endpoints = o.SeenEndpoints
	cfg, err := conn.Config(ctx, o.streams)
	if err != nil {
		return nil, err
	}
	client, err := etcdclient.Dial(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	var seen []revision.Evidence
	for _, m := range client.Members(ctx) {
		if m.Err != nil {
			return nil, output.WithHint(fmt.Errorf("--seen-endpoint: %w", m.Err),
				"leave the endpoint out, or give the data directory of that member once it is stopped")
		}
		seen = append(seen, revision.Evidence{Source: "status of " + m.Endpoint, Revision: m.Revision, MemberID: m.MemberID})
	}
	return seen, nil
}
