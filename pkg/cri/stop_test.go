package cri_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/etcd-restore/etcd-restore/pkg/cri"
)

// etcd is a pod with two containers that live and one that has ended.
func etcd() cri.Pod {
	return cri.Pod{ID: "pod", Name: "etcd-cp1", Containers: []cri.Container{
		{ID: "a", Name: "etcd", State: cri.Running},
		{ID: "b", Name: "sidecar", State: cri.Unknown},
		{ID: "c", Name: "etcd", State: cri.Exited},
	}}
}

// What lives is stopped, all at once, and then the sandbox.
func TestStop(t *testing.T) {
	t.Parallel()
	var both sync.WaitGroup
	both.Add(2)
	s := &server{before: func(string) {
		both.Done()
		both.Wait() // neither ends before the other has been asked
	}}
	must(t, serve(t, s).Stop(t.Context(), etcd(), 1500*time.Millisecond))
	if diff := cmp.Diff(map[string]int64{"a": 2, "b": 2}, s.grace); diff != "" {
		t.Errorf("grace in seconds: %s", diff)
	}
	slices.Sort(s.calls[:2])
	if diff := cmp.Diff([]string{"StopContainer a", "StopContainer b", "StopPodSandbox pod"}, s.calls); diff != "" {
		t.Error(diff)
	}
}

func TestGrace(t *testing.T) {
	t.Parallel()
	for grace, want := range map[time.Duration]int64{0: 0, 1: 1, time.Second: 1, time.Second + 1: 2, 30 * time.Second: 30} {
		s := &server{}
		must(t, serve(t, s).Stop(t.Context(), etcd(), grace))
		if s.grace["a"] != want {
			t.Errorf("%s becomes %d s, want %d", grace, s.grace["a"], want)
		}
	}
}

// What is gone already has been stopped by somebody else.
func TestStopGone(t *testing.T) {
	t.Parallel()
	gone := status.Error(codes.NotFound, "no such thing")
	r := serve(t, &server{fails: map[string]error{
		"StopContainer a": gone, "StopContainer b": gone, "StopPodSandbox pod": gone, "RemovePodSandbox pod": gone,
	}})
	must(t, r.Stop(t.Context(), etcd(), time.Second))
	must(t, r.Remove(t.Context(), etcd()))
}

// One container that cannot be stopped does not keep the other alive, and keeps the
// sandbox.
func TestStopRefused(t *testing.T) {
	t.Parallel()
	s := &server{fails: map[string]error{
		"StopContainer a": status.Error(codes.Internal, "no shim"), "RemovePodSandbox pod": status.Error(codes.Unknown, "already in removing state"),
	}}
	r := serve(t, s)
	err := r.Stop(t.Context(), etcd(), time.Second)
	if err == nil || !strings.Contains(err.Error(), "stop container etcd of pod etcd-cp1: no shim") {
		t.Errorf("got %v", err)
	}
	if _, stopped := s.grace["b"]; !stopped || slices.Contains(s.calls, "StopPodSandbox pod") {
		t.Errorf("calls: %v", s.calls)
	}
	if err := r.Remove(t.Context(), etcd()); err == nil || !strings.Contains(err.Error(), "already in removing state") {
		t.Errorf("got %v", err)
	}
}

// A stop that takes long ends with the context, and the runtime learns of it.
func TestStopCancelled(t *testing.T) {
	t.Parallel()
	ended := make(chan error, 1)
	asked := make(chan string, 2)
	s := &server{block: map[string]chan<- error{"StopContainer a": ended}, before: func(id string) { asked <- id }}
	r := serve(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- r.Stop(ctx, etcd(), time.Hour) }()
	for id := ""; id != "a"; id = <-asked {
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the runtime saw %v", err)
	}
}
