package transport

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

// Send brings a file onto a node and returns its path there. One that is there already
// is read again and not sent; one that was interrupted goes on where it stopped, at once
// by itself if the connection breaks and comes back, and with the next call otherwise.
//
// It runs node receive, which first says how much it has. Then the rest goes to its
// standard input, compressed, and it says how much of it has come.
func Send(ctx context.Context, n Node, f File, p Progress) (string, error) {
	var tries tries
	wrong := false
	for {
		a, err := send(ctx, n, f, p)
		switch {
		case ctx.Err() != nil:
			return "", ctx.Err()
		case err != nil && !errors.Is(err, ErrConnection):
			return "", err
		case a.Complete && err == nil:
			return a.Path, nil
		case a.Wrong && wrong:
			return "", hint.New(fmt.Errorf("%s: %w: %s", n.Name(), ErrDigest, f.Path), "look at the disk and the memory of the node: dmesg")
		case a.Wrong:
			if err := unchanged(ctx, f); err != nil {
				return "", err
			}
			wrong, tries.best = true, 0
			continue
		case err == nil:
			err = fmt.Errorf("%s: %w: it took %d of %d bytes: %s", n.Name(), ErrConnection, a.Have, f.Size, a.Broken)
		}
		if !tries.again(ctx, a.Have) && ctx.Err() == nil {
			return "", hint.New(fmt.Errorf("send %s: %w", f.Path, err), "do the same again: it goes on where it stopped")
		}
	}
}

// unchanged reads the file again.
func unchanged(ctx context.Context, f File) error {
	now, err := OpenFile(ctx, f.Path)
	if err == nil && now != f {
		err = hint.New(fmt.Errorf("%w: %s has changed while it was sent", ErrFile, f.Path), "send a copy that nobody writes to")
	}
	return err
}

// send is one attempt: what the node said last.
func send(ctx context.Context, n Node, f File, p Progress) (Arrived, error) {
	file, err := os.Open(f.Path)
	if err != nil {
		return Arrived{}, err
	}
	defer file.Close()
	r, w := io.Pipe()
	answers := &answers{first: make(chan int64, 1), told: func(have int64) {
		if p != nil {
			p.Sent(n.Name(), have, f.Size)
		}
	}}
	read := make(chan error, 1)
	ended, end := context.WithCancel(ctx)
	go func() {
		select {
		case have := <-answers.first:
			part := &remembering{r: io.NewSectionReader(file, have, f.Size-have)}
			w.CloseWithError(Compress(w, part))
			read <- part.err
		case <-ended.Done(): // it did not come to the first answer
			read <- nil
		}
	}()
	err = n.Run(ctx, Command{
		Args:   []string{"node", "receive", "--size", strconv.FormatInt(f.Size, 10), "--sha256", f.SHA256},
		Stdin:  r,
		Stdout: answers,
	})
	end()
	r.Close() // whatever still reads from the file ends
	if here := <-read; here != nil {
		return answers.said(), fmt.Errorf("read %s: %w", f.Path, here)
	}
	return answers.said(), err
}

// remembering is a reader that keeps its error apart from those of whom it feeds.
type remembering struct {
	r   io.Reader
	err error
}

func (m *remembering) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	if err != nil && err != io.EOF {
		m.err = err
	}
	return n, err
}

// answers reads what node receive says.
type answers struct {
	mu    sync.Mutex // a transport may give up on its output before that ends
	line  []byte
	last  Arrived
	begun bool
	first chan int64
	told  func(have int64)
}

// said is what the node said last.
func (a *answers) said() Arrived {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.last
}

func (a *answers) Write(p []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := len(p)
	for {
		before, after, whole := bytes.Cut(p, []byte("\n"))
		if a.line = append(a.line, before...); len(a.line) > maxLine {
			return 0, fmt.Errorf("%w: an answer of more than %d bytes", ErrProgram, maxLine)
		}
		if !whole {
			return n, nil
		}
		if err := a.take(); err != nil {
			return 0, err
		}
		p = after
	}
}

func (a *answers) take() error {
	var now Arrived
	if err := json.Unmarshal(a.line, &now); err != nil || now.Have < 0 {
		return fmt.Errorf("%w: it answered %q", ErrProgram, a.line)
	}
	a.line, a.last = nil, now
	a.told(now.Have)
	if !a.begun {
		a.begun = true
		a.first <- now.Have
	}
	return nil
}
