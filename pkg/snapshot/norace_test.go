//go:build !race

package snapshot_test

const thin = 1
