// Package etcdclient talks to live etcd members one by one, which is what a
// backup needs and etcd's own client hides: each endpoint has its own
// connection, its own status and its own errors, so that one dead or
// misconfigured member never speaks for the others.
//
//	c, err := etcdclient.Dial(ctx, etcdclient.Config{Endpoints: endpoints, …})
//	defer c.Close()
//	best, why, err := etcdclient.Best(c.Members(ctx))
//	saved, err := c.Save(ctx, best.Endpoint, "snapshot.db", etcdclient.SaveOptions{})
//
// It works with the servers of etcd 3.4 to 3.7.
package etcdclient
