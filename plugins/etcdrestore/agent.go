package etcdrestore

import (
	"context"

	"github.com/etcd-restore/etcd-restore/pkg/transport"
)

// isAgent recognises the command line of a transport: see pkg/transport. It is no verb
// for a person, and no flag goes with it.
func isAgent(args []string) bool { return len(args) == 1 && args[0] == transport.AgentVerb }

// runAgent runs the verb that comes on standard input, for somebody elsewhere: the
// error, if any, is printed as JSON.
func runAgent(ctx context.Context, streams Streams) int {
	opts := newOptions()
	opts.remote = true
	ctx, args, stdin, err := transport.Accept(ctx, streams.In)
	if err != nil {
		return opts.end(streams, err)
	}
	streams.In = stdin
	return run(ctx, streams, opts, args)
}
