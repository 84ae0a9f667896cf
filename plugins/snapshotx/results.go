package snapshotx

import (
	"github.com/etcd-restore/etcd-restore/pkg/keyspace"
	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
	"github.com/etcd-restore/etcd-restore/plugins/internal/buildinfo"
)

// Results are empty results by the verb that prints them as JSON, for whoever describes
// their form.
func Results() map[string]any {
	return map[string]any{
		"hashkv":   keyspace.Hash{},
		"restore":  planJSON{},
		"revision": revisionJSON{},
		"salvage":  salvageJSON{},
		"save":     saveJSON{},
		"status":   snapshot.Status{},
		"verify":   verifyJSON{},
		"version":  buildinfo.Info{},
	}
}
