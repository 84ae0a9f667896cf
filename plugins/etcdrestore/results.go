package etcdrestore

import (
	"github.com/etcd-restore/etcd-restore/pkg/noderejoin"
	"github.com/etcd-restore/etcd-restore/pkg/noderestore"
	"github.com/etcd-restore/etcd-restore/pkg/recovery"
)

// Results are empty results by the kind that they have in JSON, for whoever describes
// their form. Those that only nodes and workstation tell each other are not among them,
// nor what get prints, which is Kubernetes' own.
func Results() map[string]any {
	return map[string]any{
		"Check":              checkReport{},
		"Cleanup":            cleanupReport{},
		"ClusterPlan":        recovery.Plan{},
		"ClusterRestore":     clusterResult{},
		"ClusterSnapshot":    clusterSavedReport{},
		"ControlPlaneStatus": clusterStatus{},
		"Diff":               diffReport{},
		"EncryptionCheck":    encryptionReport{},
		"NodeCheck":          checkReport{},
		"NodePlan":           noderestore.Plan{},
		"NodePrune":          pruneReport{},
		"NodeRejoin":         rejoinReport{},
		"NodeRestore":        workReport{},
		"NodeRun":            runReport{},
		"NodeRunList":        runList{},
		"NodeSnapshot":       savedReport{},
		"NodeStatus":         nodeStatus{},
		"Place":              place{},
		"Prune":              pruneReport{},
		"RejoinPlan":         noderejoin.Plan{},
		"RestoreReport":      incident{},
		"SnapshotObjects":    objectList{},
		"SnapshotResources":  resourceList{},
		"Undo":               undoReport{},
		"Version":            versionReport{},
	}
}
