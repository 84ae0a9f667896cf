package transport

import (
	"context"
	"io"
)

// Where things are on a node. All of it is root's own.
const (
	Dir      = "/var/lib/etcd-restore" // the runs, and the folders below
	Programs = Dir + "/bin"            // this program, in a folder named by its SHA-256
	Uploads  = Dir + "/uploads"        // snapshots and plans, named by their SHA-256
	Logs     = Dir + "/log"            // what was left running writes here
)

// Command is a verb of this program.
type Command struct {
	Args   []string
	Stdin  io.Reader // nil for none
	Stdout io.Writer // nil for nobody to read it
	Stderr io.Writer // progress, without the error at the end; nil for nobody to read it
}

// Job is a verb that is left behind.
type Job struct {
	Name string   // [a-z0-9-]+, at most 40 characters: one of a name runs at a time
	Args []string // of this program
}

// Node is one machine of a control plane, with this program on it. Its methods may be
// called at the same time.
type Node interface {
	// Name is that of the Kubernetes node as far as the transport knows, else the host's.
	Name() string
	// Run runs a verb and waits for it. The error is an *ExitError if the program ended
	// with one, and ErrConnection if nobody knows.
	Run(ctx context.Context, c Command) error
	// Leave starts a verb that outlives the connection, this process, the API server and
	// a restart of the kubelet. One that runs already under the name is left as it is.
	Leave(ctx context.Context, j Job) error
	// Close gives the connection up and removes what it needed on the node.
	Close() error
}
