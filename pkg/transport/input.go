package transport

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http/httputil"
	"os"
)

// AgentVerb is the one argument of the program that a transport starts.
const AgentVerb = "agent"

// maxRequest bounds the line of arguments, in bytes.
const maxRequest = 1 << 20

type request struct {
	Args []string `json:"args"`
}

// Input is what a transport writes to the agent's standard input. It does not end before
// Close, which the transport calls when the agent has ended.
type Input struct {
	*io.PipeReader
	closed context.CancelFunc
}

// NewInput encodes a command.
func NewInput(c Command) Input {
	r, w := io.Pipe()
	open, closed := context.WithCancel(context.Background())
	go func() {
		if err := encode(w, c); err != nil {
			w.CloseWithError(err)
			return
		}
		<-open.Done()
		w.Close()
	}()
	return Input{r, closed}
}

// Close ends the stream.
func (in Input) Close() error {
	in.closed()
	return in.PipeReader.Close()
}

func encode(w io.Writer, c Command) error {
	line, err := json.Marshal(request{c.Args})
	if err != nil {
		return err
	}
	if _, err := w.Write(append(line, '\n')); err != nil {
		return err
	}
	chunks := httputil.NewChunkedWriter(w)
	if c.Stdin != nil {
		if _, err := io.Copy(chunks, c.Stdin); err != nil {
			return err
		}
	}
	return chunks.Close()
}

// Accept is the agent's end: it reads the arguments, and the standard input for them. The
// context ends with ErrGone when the stream does.
func Accept(ctx context.Context, in io.Reader) (context.Context, []string, io.Reader, error) {
	buffered := bufio.NewReader(in)
	line, err := readLine(buffered)
	if err != nil {
		return nil, nil, nil, err
	}
	var r request
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil || len(r.Args) == 0 {
		return nil, nil, nil, fmt.Errorf("%w: no arguments in its first line", ErrRequest)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	stdin, w := io.Pipe()
	go func() {
		_, err := io.Copy(w, httputil.NewChunkedReader(buffered))
		w.CloseWithError(err)
		_, _ = io.Copy(io.Discard, buffered)
		cancel(ErrGone)
	}()
	if f, ok := in.(*os.File); ok { // the verb may not read what comes
		go func() {
			if waitGone(f) {
				cancel(ErrGone)
			}
		}()
	}
	return ctx, r.Args, stdin, nil
}

func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case err == nil:
			return line, nil
		case err != bufio.ErrBufferFull:
			return nil, fmt.Errorf("%w: %w", ErrRequest, err)
		case len(line) > maxRequest:
			return nil, fmt.Errorf("%w: its first line is longer than %d bytes", ErrRequest, maxRequest)
		}
	}
}

// Feed copies an input to the standard input of an agent.
func Feed(stdin io.WriteCloser, in io.Reader) {
	// Where that fails the agent has ended, and says why by itself.
	_, _ = io.Copy(stdin, in)
	_ = stdin.Close()
}
