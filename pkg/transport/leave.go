package transport

import "context"

// Detach leaves a verb behind on a node whose host starts processes as it likes: by the
// verb node leave, which makes a transient unit of systemd where the host has that, and a
// process of its own session elsewhere.
func Detach(ctx context.Context, n Node, j Job) error {
	return n.Run(ctx, Command{Args: append([]string{"node", "leave", "--name", j.Name, "--"}, j.Args...)})
}
