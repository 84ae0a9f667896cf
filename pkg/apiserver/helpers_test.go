package apiserver_test

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/etcd-restore/etcd-restore/pkg/apiserver"
)

// TestRemoveHelpers: those of before go, also if somebody else is faster; younger ones
// are somebody's at work.
func TestRemoveHelpers(t *testing.T) {
	t.Parallel()
	begun := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	pod := func(name string, age time.Duration) corev1.Pod {
		return corev1.Pod{ObjectMeta: metav1.ObjectMeta{
			Namespace: "kube-system", Name: name, CreationTimestamp: metav1.NewTime(begun.Add(-age)),
		}}
	}
	var mu sync.Mutex
	var deleted []string
	c := dial(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		name, isPod := strings.CutPrefix(r.URL.Path, "/api/v1/namespaces/kube-system/pods/")
		switch {
		case r.Method == http.MethodGet && r.URL.Path == "/api/v1/pods" && r.URL.Query().Get("labelSelector") == apiserver.Helpers:
			answer(w, 200, corev1.PodList{
				TypeMeta: metav1.TypeMeta{Kind: "PodList", APIVersion: "v1"},
				Items:    []corev1.Pod{pod("old", time.Hour), pod("gone", time.Minute), pod("young", -time.Minute)},
			})
		case r.Method == http.MethodDelete && isPod && name != "gone":
			deleted = append(deleted, name)
			answer(w, 200, status(200, ""))
		default:
			refuse(w, 404, metav1.StatusReasonNotFound)
		}
	}))
	if err := c.RemoveHelpers(t.Context(), begun); err != nil {
		t.Error(err)
	}
	if !slices.Equal(deleted, []string{"old"}) {
		t.Errorf("deleted %q", deleted)
	}
}
