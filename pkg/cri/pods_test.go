package cri_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	runtime "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/etcd-restore/etcd-restore/pkg/cri"
)

func TestPods(t *testing.T) {
	t.Parallel()
	s := &server{
		sandboxes: []*runtime.PodSandbox{
			sandbox("old", "etcd-cp1", 100, func(s *runtime.PodSandbox) { s.State = runtime.PodSandboxState_SANDBOX_NOTREADY }),
			sandbox("new", "etcd-cp1", 200, func(s *runtime.PodSandbox) { s.Metadata.Attempt = 1 }),
			sandbox("api", "etcd-backup-x", 150, func(s *runtime.PodSandbox) { s.Annotations = map[string]string{"kubernetes.io/config.source": "api"} }),
			sandbox("other", "etcd-cp1", 120, func(s *runtime.PodSandbox) { s.Metadata.Namespace = "other" }),
			sandbox("bare", "bare-cp1", 50, func(s *runtime.PodSandbox) { s.Annotations = nil }),
		},
		containers: []*runtime.Container{
			container("c0", "new", 0, runtime.ContainerState_CONTAINER_EXITED),
			container("c2", "new", 2, runtime.ContainerState_CONTAINER_RUNNING),
			container("c1", "new", 1, runtime.ContainerState_CONTAINER_EXITED), // removed when it is asked
			container("c3", "old", 0, runtime.ContainerState_CONTAINER_UNKNOWN),
		},
		status: map[string]*runtime.ContainerStatus{
			"c0": {State: runtime.ContainerState_CONTAINER_EXITED, ExitCode: 137, Reason: "OOMKilled", StartedAt: 1e9, FinishedAt: 2e9},
			"c2": {State: runtime.ContainerState_CONTAINER_EXITED, ExitCode: 1, Reason: "Error", StartedAt: 3e9, FinishedAt: 4e9}, // meanwhile
			"c3": {State: runtime.ContainerState_CONTAINER_UNKNOWN},
		},
	}
	r := serve(t, s)
	image := "registry.k8s.io/etcd:v1"
	newest := cri.Pod{
		ID: "new", Name: "etcd-cp1", Namespace: "kube-system", UID: "uid-etcd-cp1", Attempt: 1, Static: true, Ready: true, Created: time.Unix(0, 200),
		Containers: []cri.Container{
			{ID: "c2", Name: "etcd", Image: image, State: cri.Exited, Attempt: 2, Started: moment(3), Finished: moment(4), ExitCode: 1, Reason: "Error"},
			{ID: "c1", Name: "etcd", Image: image, State: cri.Exited, Attempt: 1},
			{ID: "c0", Name: "etcd", Image: image, State: cri.Exited, Started: moment(1), Finished: moment(2), ExitCode: 137, Reason: "OOMKilled"},
		},
	}
	oldest := cri.Pod{
		ID: "old", Name: "etcd-cp1", Namespace: "kube-system", UID: "uid-etcd-cp1", Static: true, Created: time.Unix(0, 100),
		Containers: []cri.Container{{ID: "c3", Name: "etcd", Image: image, State: cri.Unknown}},
	}
	other := cri.Pod{ID: "other", Name: "etcd-cp1", Namespace: "other", UID: "uid-etcd-cp1", Static: true, Ready: true, Created: time.Unix(0, 120)}
	api := cri.Pod{ID: "api", Name: "etcd-backup-x", Namespace: "kube-system", UID: "uid-etcd-backup-x", Ready: true, Created: time.Unix(0, 150)}
	bare := cri.Pod{ID: "bare", Name: "bare-cp1", Namespace: "kube-system", UID: "uid-bare-cp1", Ready: true, Created: time.Unix(0, 50)}
	for name, tc := range map[string]struct {
		filter cri.Filter
		want   []cri.Pod
	}{
		"all":              {cri.Filter{}, []cri.Pod{newest, api, other, oldest, bare}},
		"static":           {cri.Filter{Static: true}, []cri.Pod{newest, other, oldest}},
		"by name":          {cri.Filter{Name: "etcd-backup-x"}, []cri.Pod{api}},
		"by namespace":     {cri.Filter{Namespace: "other"}, []cri.Pod{other}},
		"by UID":           {cri.Filter{UID: "uid-bare-cp1"}, []cri.Pod{bare}},
		"several at once":  {cri.Filter{Namespace: "kube-system", Name: "etcd-cp1", Static: true}, []cri.Pod{newest, oldest}},
		"none fits":        {cri.Filter{Name: "etcd"}, nil},
		"not from a file":  {cri.Filter{Static: true, Name: "etcd-backup-x"}, nil},
		"neither is there": {cri.Filter{Static: true, UID: "uid"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := r.Pods(t.Context(), tc.filter)
			must(t, err)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAlive(t *testing.T) {
	t.Parallel()
	with := func(ready bool, states ...cri.State) cri.Pod {
		p := cri.Pod{Ready: ready}
		for _, s := range states {
			p.Containers = append(p.Containers, cri.Container{State: s})
		}
		return p
	}
	for name, tc := range map[string]struct {
		pod  cri.Pod
		want bool
	}{
		"ended":                      {with(false, cri.Exited, cri.Exited), false},
		"nothing in it":              {with(false), false},
		"sandbox alone":              {with(true), true},
		"container without sandbox":  {with(false, cri.Exited, cri.Running), true},
		"not started yet":            {with(false, cri.Created), true},
		"nobody knows what it does":  {with(false, cri.Unknown), true},
		"sandbox of ended container": {with(true, cri.Exited), true},
	} {
		if got := tc.pod.Alive(); got != tc.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// A node with many pods answers with more than gRPC takes by default.
func TestManyPods(t *testing.T) {
	t.Parallel()
	s := &server{}
	for i := range 60 {
		s.sandboxes = append(s.sandboxes, sandbox(fmt.Sprint(i), fmt.Sprint("pod-", i), int64(i), func(p *runtime.PodSandbox) {
			p.Annotations["kubectl.kubernetes.io/last-applied-configuration"] = strings.Repeat("x", 100_000)
		}))
	}
	pods, err := serve(t, s).Pods(t.Context(), cri.Filter{})
	must(t, err)
	if len(pods) != 60 {
		t.Errorf("%d pods", len(pods))
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	name, version, err := serve(t, &server{}).Version(t.Context())
	if name != "containerd" || version != "v2.3.7" || err != nil {
		t.Errorf("%s %s, %v", name, version, err)
	}
}

// What the runtime says no to is told in its words, and is not taken for its absence.
func TestRefused(t *testing.T) {
	t.Parallel()
	s := &server{fails: map[string]error{
		"ListPodSandbox": status.Error(codes.Internal, "disk full"), "Version": status.Error(codes.Unimplemented, "unknown service"),
	}}
	r := serve(t, s)
	_, err := r.Pods(t.Context(), cri.Filter{})
	if err == nil || errors.Is(err, cri.ErrUnreachable) || !strings.Contains(err.Error(), "list its pods: disk full") {
		t.Errorf("got %v", err)
	}
	_, _, err = r.Version(t.Context())
	if err == nil || errors.Is(err, cri.ErrUnreachable) || !strings.Contains(err.Error(), "unknown service") {
		t.Errorf("got %v", err)
	}
	s.mu.Lock()
	s.fails = map[string]error{"ListContainers": status.Error(codes.Internal, "broken")}
	s.mu.Unlock()
	if _, err := r.Pods(t.Context(), cri.Filter{}); err == nil || !strings.Contains(err.Error(), "list its containers: broken") {
		t.Errorf("got %v", err)
	}
}
