// Package probe watches a cluster while it is restored, and asks it what it holds:
//
//   - Readiness measures for how long an API server was not ready.
//   - Informer is a client-go informer that runs through it all, as every controller
//     does, and must come to see what the API server says, by itself.
//   - Objects makes a workload and tells whether the cluster has reconciled it.
//
// What waits for a condition asks again until it holds, or returns what it saw last.
package probe
