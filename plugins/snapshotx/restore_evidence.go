package snapshotx

import (
	"context"
	"fmt"

	"github.com/etcd-restore/etcd-restore/pkg/evidence"
	"github.com/etcd-restore/etcd-restore/pkg/revision"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
)

// evidence gathers what the --seen flags tell of the old cluster's revision.
// Evidence that was asked for and cannot be had is an error: without it the
// proof would be of something else.
func (o *RestoreOptions) evidence(ctx context.Context) ([]revision.Evidence, error) {
	sources, err := readNumbers(o.SeenRevisions)
	if err != nil {
		return nil, err
	}
	for _, value := range o.SeenDataDirs {
		s, err := readDataDir(ctx, value)
		if err != nil {
			return nil, err
		}
		sources = append(sources, s)
	}
	live, err := o.seenLive(ctx)
	return evidenceOf(append(sources, live...)), err
}

// seenLive asks live members for their revision.
func (o *RestoreOptions) seenLive(ctx context.Context) ([]evidence.Source, error) {
	if len(o.SeenEndpoints) == 0 {
		return nil, nil
	}
	members, err := askMembers(ctx, *o.Connection, o.streams, o.SeenEndpoints)
	if err != nil {
		return nil, err
	}
	var sources []evidence.Source
	for _, m := range members {
		if m.Err != nil {
			return nil, output.WithHint(fmt.Errorf("--seen-endpoint: %w", m.Err),
				"leave the endpoint out, or give the data directory of that member once it is stopped")
		}
		sources = append(sources, memberSource(m))
	}
	return sources, nil
}

// evidenceOf is what the decision takes of the sources.
func evidenceOf(sources []evidence.Source) []revision.Evidence {
	var seen []revision.Evidence
	for _, s := range sources {
		seen = append(seen, s.Evidence())
	}
	return seen
}
