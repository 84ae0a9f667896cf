// Package apiserver asks the API server of this node what it sees of an etcd that
// was restored below it, and mends what the snapshot brought back and nobody else
// will mend: the directory that kubeadm has noted, and addresses of API servers
// that are gone.
//
//	c, err := apiserver.Dial(node.AdminConfig(), apiserver.Options{Server: local})
//	err = c.WaitReady(ctx)
//	err = c.Canary(ctx, revisionBefore)
//	_, err = c.SetDataDir(ctx, dir)
//	err = c.WaitEndpoints(ctx)
//
// Every request has a time limit of its own, so that a server that accepts
// connections and says nothing costs seconds. WaitReady and WaitEndpoints go on
// until their context ends.
package apiserver
