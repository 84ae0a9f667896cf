package apiserver

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// pollInterval is how often a wait asks again. An outage ends no sooner than it
// is seen to.
const pollInterval = 200 * time.Millisecond

// Ready reports whether the API server says of itself that it is ready; if not,
// the error names the checks that fail.
func (c *Client) Ready(ctx context.Context) error {
	request, cancel := c.short(ctx)
	defer cancel()
	result := c.kube.Discovery().RESTClient().Get().AbsPath("/readyz").Param("verbose", "").MaxRetries(0).Do(request)
	if result.Error() == nil {
		return nil
	}
	body, _ := result.Raw()
	if failed := failedChecks(body); len(failed) > 0 {
		return fmt.Errorf("%w: %s: %s", ErrNotReady, c.server, strings.Join(failed, ", "))
	}
	return c.explain(ctx, "readiness", result.Error())
}

// WaitReady waits until the API server is ready. When the context ends first it
// returns why the server was not, the last time that it was asked. Nothing ends it
// before that: an API server that starts refuses those whom it will let in as soon
// as it has read from etcd who they are.
func (c *Client) WaitReady(ctx context.Context) error {
	return poll(ctx, c.Ready)
}

// ReadyWithin is Ready for a judge who knows that one answer is none: an API server
// that says that it is not ready is asked again for as long as d. A busy one says so
// whenever etcd has taken two seconds for an answer.
func (c *Client) ReadyWithin(ctx context.Context, d time.Duration) error {
	asking, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	ticks := time.NewTicker(pollInterval)
	defer ticks.Stop()
	for {
		err := c.Ready(ctx)
		if !errors.Is(err, ErrNotReady) {
			return err
		}
		select {
		case <-asking.Done():
			return err
		case <-ticks.C:
		}
	}
}

// failedChecks are the names in lines like "[-]etcd failed: reason withheld".
func failedChecks(body []byte) []string {
	const limit = 20
	var names []string
	for line := range strings.Lines(string(body)) {
		if rest, failed := strings.CutPrefix(line, "[-]"); failed && len(names) < limit {
			name, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
			names = append(names, fmt.Sprintf("%.100q", name))
		}
	}
	return names
}

// poll calls ask until it returns nil. When the context ends it returns what ask
// returned last on its own account, rather than that it was cut short.
func poll(ctx context.Context, ask func(context.Context) error) error {
	ticks := time.NewTicker(pollInterval)
	defer ticks.Stop()
	var last error
	for {
		err := ask(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() == nil || last == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), last)
		case <-ticks.C:
		}
	}
}
