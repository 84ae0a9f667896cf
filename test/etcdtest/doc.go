// Package etcdtest runs real etcd servers, every minor version this project
// supports, as child processes on loopback.
//
// A [Cluster] is first described and then started:
//
//	c := etcdtest.New(t, etcdtest.Config{Version: etcdtest.V37, Size: 3})
//	c.Start(t)
//
// Between the two lines its names, URLs and directories are already settled. A
// restore under test therefore writes into the very directories the members
// will boot from, and the same Start brings up a fresh cluster or a restored one:
//
//	restore(snapshot, "--initial-cluster", c.InitialCluster(), "--data-dir", c.Members[0].DataDir, …)
//	c.Start(t)
//
// Nothing outlives the test. Processes are killed in Cleanup, and by the
// kernel if the test process itself dies; logs are printed when a test failed.
//
// The servers of 3.5 to 3.7 are built from etcd's own modules, pinned in
// test/servers, into a cache outside the repository, once. 3.4 cannot be built
// as a module; the one Debian ships is used where it is installed.
package etcdtest
