package ssh

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/etcd-restore/etcd-restore/pkg/transport"
)

// maxCat is more than the plans of a hundred runs.
const maxCat = 4 << 20 // bytes

// Cat is what the files on a host hold that match a pattern of its shell, one after the
// other, nothing if there are none. No program has to be there, and nothing is left there.
// The pattern is one of ours: it is not quoted.
func Cat(ctx context.Context, cfg Config, pattern string) (text []byte, err error) {
	n, err := connect(cfg)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	var out bytes.Buffer
	stderr := &tail{}
	cmd, err := n.start(ctx, "sh -c 'cat "+pattern+" 2>/dev/null || true'", strings.NewReader(""), &limited{&out, maxCat}, stderr)
	if err != nil {
		return nil, err
	}
	err = n.explain(ctx, cmd.Wait(), stderr, func(code int) error {
		return fmt.Errorf("%s: %w: cat ended with %d", n.Name(), transport.ErrConnection, code)
	})
	return out.Bytes(), err
}

// limited fails when it gets more than it may.
type limited struct {
	to   io.Writer
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	if len(p) > l.left {
		return 0, io.ErrShortWrite
	}
	l.left -= len(p)
	return l.to.Write(p)
}
