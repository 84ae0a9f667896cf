package snapshotx

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/term"

	"github.com/etcd-restore/etcd-restore/plugins/internal/exitcode"
	"github.com/etcd-restore/etcd-restore/plugins/internal/iostreams"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
)

// askPassword reads a password from the terminal without showing it. Without a
// terminal nobody could answer, so it fails at once.
func askPassword(streams Streams, user string) (string, error) {
	in, ok := streams.In.(*os.File)
	if !ok || !iostreams.IsTerminal(in) {
		return "", exitcode.Usage(output.WithHint(errors.New("--user without a password, and no terminal to ask for it"),
			"set ETCDCTL_PASSWORD"))
	}
	fmt.Fprintf(streams.ErrOut, "Password of %s: ", output.Clean(user))
	password, err := term.ReadPassword(int(in.Fd()))
	fmt.Fprintln(streams.ErrOut)
	if err != nil {
		return "", fmt.Errorf("read password: %w", err)
	}
	return string(password), nil
}
