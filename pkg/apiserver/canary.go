package apiserver

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

// Revision is the revision that etcd is at, as the API server sees it: that of a
// list which it has to make sure of with etcd.
func (c *Client) Revision(ctx context.Context) (int64, error) {
	const what = "revision of etcd"
	request, cancel := c.short(ctx)
	defer cancel()
	list, err := c.kube.CoreV1().ConfigMaps(metav1.NamespaceSystem).List(request, metav1.ListOptions{Limit: 1})
	if err != nil {
		return 0, c.explain(ctx, what, err)
	}
	revision, err := strconv.ParseInt(list.ResourceVersion, 10, 64)
	if err != nil || revision <= 0 {
		return 0, fmt.Errorf("%s: %s: the API server answers %q", what, c.server, list.ResourceVersion)
	}
	return revision, nil
}

// Canary does what a client of the old cluster will do, and demands that it is
// told to start over: it watches from a revision of that cluster.
//
// A list at exactly that revision is asked for first. The API server does not hold
// revisions from before its own start and has to ask etcd, so the answer "expired"
// is etcd's: it has compacted everything below. Then the watch. It is answered from
// the memory of the API server, which knows nothing before its own start either,
// and "expired" is what every informer will get from this server. That alone would
// prove little: an API server that was just started says so on an etcd that never
// compacted anything, until another one, or a watch that passes the memory by,
// reads on from an old revision.
//
// Not proved is anything about other API servers' memory: one that was not
// restarted remembers the old cluster. Nor about etcds that
// --etcd-servers-overrides names for other kinds of objects.
func (c *Client) Canary(ctx context.Context, revision int64) error {
	now, err := c.Revision(ctx)
	if err != nil {
		return err
	}
	if revision <= 0 || revision >= now {
		return fmt.Errorf("%w: %d is to be watched from, and etcd is at %d", ErrRevision, revision, now)
	}
	if err := c.listAt(ctx, revision); err != nil {
		return err
	}
	return c.watchFrom(ctx, revision)
}

// listAt demands that a list at a revision has expired.
func (c *Client) listAt(ctx context.Context, revision int64) error {
	request, cancel := c.short(ctx)
	defer cancel()
	_, err := c.kube.CoreV1().ConfigMaps(metav1.NamespaceSystem).List(request, metav1.ListOptions{
		Limit:                1,
		ResourceVersion:      strconv.FormatInt(revision, 10),
		ResourceVersionMatch: metav1.ResourceVersionMatchExact,
	})
	switch {
	case err == nil:
		return notCompacted(revision, "it can be read")
	case apierrors.IsResourceExpired(err):
		return nil
	default:
		return c.explain(ctx, fmt.Sprintf("list at revision %d", revision), err)
	}
}

// watchFrom demands that a watch from a revision ends with the news that it has
// expired, which comes instead of a watch or as its first event.
func (c *Client) watchFrom(ctx context.Context, revision int64) error {
	what := fmt.Sprintf("watch from revision %d", revision)
	request, cancel := context.WithTimeout(quiet(ctx), c.opts.RequestTimeout+c.opts.WatchTimeout)
	defer cancel()
	w, err := c.kube.CoreV1().ConfigMaps(metav1.NamespaceSystem).Watch(request, metav1.ListOptions{ResourceVersion: strconv.FormatInt(revision, 10)})
	switch {
	case apierrors.IsResourceExpired(err):
		return nil
	case err != nil:
		return c.explain(ctx, what, err)
	}
	defer w.Stop()
	patience := time.NewTimer(c.opts.WatchTimeout)
	defer patience.Stop()
	select {
	case <-ctx.Done():
		return c.explain(ctx, what, ctx.Err())
	case <-patience.C:
		return notCompacted(revision, "a watch from there stays open")
	case event, open := <-w.ResultChan():
		if !open {
			return c.explain(ctx, what, errors.New("it ended without an answer"))
		}
		if event.Type != watch.Error {
			return notCompacted(revision, "a watch from there goes on")
		}
		if err := apierrors.FromObject(event.Object); !apierrors.IsResourceExpired(err) {
			return c.explain(ctx, what, err)
		}
		return nil
	}
}

func notCompacted(revision int64, why string) error {
	return hint.New(fmt.Errorf("%w: %d: %s", ErrNotCompacted, revision, why),
		"clients of the old cluster may miss changes: restart every API server, controller and kubelet, or restore with the revision raised and compacted")
}
