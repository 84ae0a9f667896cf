//go:build race

package snapshot_test

// thin: under the race detector, which slows them by an order of magnitude, the
// passes over tens of thousands of damaged files make do with a few of them.
const thin = 10
