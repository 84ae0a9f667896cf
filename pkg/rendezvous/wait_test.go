package rendezvous_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/etcd-restore/etcd-restore/pkg/rendezvous"
	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// allStopped is a barrier as a restore has it.
func allStopped(answers []rendezvous.Answer) (bool, error) {
	for _, a := range answers {
		switch {
		case a.Err == nil && a.State.Aborted:
			return false, errAborted
		case a.Err != nil || !a.State.Stopped:
			return false, nil
		}
	}
	return true, nil
}

var errAborted = errors.New("aborted")

func TestBarrier(t *testing.T) {
	t.Parallel()
	certs := etcdtest.NewTLS(t)
	names := []string{"cp1", "cp2", "cp3"}
	var nodes []*node
	var peers []string
	for _, name := range names {
		n := start(t, certs, "127.0.0.1:0", name)
		nodes, peers = append(nodes, n), append(peers, n.url)
	}
	passed := make(chan error, len(nodes))
	seen := make(chan struct{}, 1000)
	for range nodes {
		c := client(t, certs)
		go func() {
			passed <- c.Wait(bounded(t), peers, func(answers []rendezvous.Answer) (bool, error) {
				for i, a := range answers {
					if a.Peer != peers[i] || a.Err == nil && a.State.Member != names[i] {
						t.Errorf("the answers are out of order: %+v", answers)
					}
				}
				seen <- struct{}{}
				return allStopped(answers)
			})
		}()
	}
	for i, n := range nodes {
		for range 30 { // several rounds
			<-seen
		}
		select {
		case err := <-passed:
			t.Fatalf("passed with %d of %d stopped: %v", i, len(nodes), err)
		default:
		}
		n.set(func(s *rendezvous.State) { s.Stopped = true })
	}
	for range nodes {
		if err := <-passed; err != nil {
			t.Error(err)
		}
	}
}

func TestWaitEndsByItself(t *testing.T) {
	t.Parallel()
	certs := etcdtest.NewTLS(t)
	c, n := client(t, certs), start(t, certs, "127.0.0.1:0", "cp1")
	n.set(func(s *rendezvous.State) { s.Aborted = true })
	if err := c.Wait(bounded(t), []string{n.url}, allStopped); !errors.Is(err, errAborted) {
		t.Errorf("got %v", err)
	}
	if err := c.Wait(t.Context(), nil, allStopped); err != nil {
		t.Errorf("nobody to wait for: %v", err)
	}
}

// A node that does not answer delays only itself, and the error tells of all.
func TestWaitIsCutShort(t *testing.T) {
	t.Parallel()
	certs := etcdtest.NewTLS(t)
	c := client(t, certs)
	alive, dead, restored := start(t, certs, "127.0.0.1:0", "cp1"), start(t, certs, "127.0.0.1:0", "cp2"), etcdtest.New(t, etcdtest.Config{Version: etcdtest.V37, TLS: certs})
	dead.stop()
	restored.Start(t)
	ctx, cancel := context.WithCancelCause(bounded(t))
	enough := errors.New("enough")
	rounds := make(map[string]int)
	peers := []string{alive.url, dead.url, restored.Members[0].PeerURL}
	err := c.Wait(ctx, peers, func(answers []rendezvous.Answer) (bool, error) {
		for _, a := range answers {
			if a.Err == nil {
				rounds[a.Peer]++
			}
		}
		if rounds[peers[0]] > 5 && rounds[peers[2]] > 5 && answers[1].State == (rendezvous.State{}) {
			cancel(enough)
		}
		return false, nil
	})
	if !errors.Is(err, rendezvous.ErrBarrier) || !errors.Is(err, enough) {
		t.Fatalf("got %v", err)
	}
	for _, text := range []string{"cp1 is in phase stop, stopped: false", dead.url + ": node does not answer", "etcd of cluster"} {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("got %v, which does not say %q", err, text)
		}
	}
}
