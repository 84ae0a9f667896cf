// Package e2e restores real kubeadm clusters. Its tests have the build tag e2e and
// are run with
//
//	make e2e         # a sample: a quarter of an hour on two cores
//	make e2e-full    # what full.txt names, too; and killed at every line of the journal
//
// It needs root, Linux and what docs/development.md says of the lab; each test has a
// cluster of its own, one after the other. E2E_PLUGIN is a built plugin to test instead
// of this source. LAB_NUMBER, ETCD and E2E_KEEP=1 are those
// of package lab, and so is where the logs of a failed test are kept.
package e2e
