//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/etcd-restore/etcd-restore/pkg/transport"
	"github.com/etcd-restore/etcd-restore/pkg/transport/pod"
	"github.com/etcd-restore/etcd-restore/test/e2e/lab"
)

// podNode is a node of the scene through a helper pod.
func (s *scene) podNode(t *testing.T, config *rest.Config, change func(*pod.Options)) (*pod.Node, error) {
	t.Helper()
	program, err := transport.OpenProgram(programs()[plugin])
	must(t, err)
	o := pod.Options{Program: program, HostPID: true, Patience: 2 * time.Minute}
	if change != nil {
		change(&o)
	}
	cluster, err := pod.Connect(config)
	must(t, err)
	targets, err := cluster.Targets(t.Context(), o)
	if err != nil {
		return nil, err
	}
	return cluster.Open(t.Context(), targets[0], o)
}

// helperPods are the pods with our label, those of agents too.
func (s *scene) helperPods(ctx context.Context) error {
	client, err := kubernetes.NewForConfig(s.config)
	if err != nil {
		return err
	}
	list, err := client.CoreV1().Pods("kube-system").List(ctx, metav1.ListOptions{LabelSelector: "app.kubernetes.io/name=etcd-restore"})
	if err != nil {
		return err
	}
	var left []error
	for _, p := range list.Items {
		left = append(left, fmt.Errorf("%s is left: %s", p.Name, p.Status.Phase))
	}
	return errors.Join(left...)
}

// A node through a helper pod: looked at, restored by what is left there, and clean in
// the end.
func TestPod(t *testing.T) {
	s := setUp(t, lab.Options{})
	t.Run("refused", s.testRefused)
	t.Run("looked at", s.testLook)
	t.Run("cut off", s.testCutOff)
	if full() {
		t.Run("cut off at 2 GiB", s.testCutOffLarge)
	}
	t.Run("left behind", s.testLeft)
	t.Run("cleaned up", s.testCleanup)
}

func (s *scene) testRefused(t *testing.T) {
	quiet := rest.CopyConfig(s.config)
	quiet.WarningHandler = rest.NoWarnings{}
	client, err := kubernetes.NewForConfig(quiet)
	must(t, err)
	patch := func(text string) {
		_, err := client.CoreV1().Namespaces().Patch(t.Context(), "kube-system", types.MergePatchType, []byte(text), metav1.PatchOptions{})
		must(t, err)
	}
	eve := rest.CopyConfig(s.config)
	eve.Impersonate.UserName = "eve"
	may := func(name string, rules ...rbacv1.PolicyRule) {
		_, err := client.RbacV1().ClusterRoles().Create(t.Context(), &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: rules}, metav1.CreateOptions{})
		must(t, err)
		_, err = client.RbacV1().ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: name}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
			Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: "eve"}},
		}, metav1.CreateOptions{})
		must(t, err)
	}
	for _, step := range []struct {
		name       string
		config     *rest.Config
		before     func()
		change     func(*pod.Options)
		is         error
		text, hint string
	}{
		{"nodes", eve, nil, nil, pod.ErrForbidden, "list nodes", "kubectl auth can-i list nodes"},
		{"pods", eve, func() {
			may("looks", rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"nodes", "pods"}, Verbs: []string{"get", "list"}})
		}, nil, pod.ErrForbidden, "create pods", "kubectl auth can-i create pods -n kube-system"},
		{"exec", eve, func() {
			may("makes", rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"create", "delete"}})
		}, nil, pod.ErrForbidden, "pods/exec", "kubectl auth can-i create pods/exec -n kube-system"},
		{
			"PodSecurity", s.config, func() { patch(`{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":"baseline"}}}`) },
			nil, pod.ErrAdmission, "hostPath", "pod-security.kubernetes.io/enforce=privileged",
		},
		{
			"no such image", s.config, func() { patch(`{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":null}}}`) },
			func(o *pod.Options) { o.Image = "registry.k8s.io/none:1" }, pod.ErrImage, "not present", "--helper-image",
		},
		{"no shell", s.config, nil, func(o *pod.Options) { o.Image = s.node.Image(t, "pause") }, pod.ErrImage, `"cat"`, "--helper-image"},
	} {
		if step.before != nil {
			step.before()
		}
		n, err := s.podNode(t, step.config, step.change)
		if err == nil {
			must(t, n.Close())
		}
		var hinted interface{ Hint() string }
		if !errors.Is(err, step.is) || !strings.Contains(err.Error(), step.text) || !errors.As(err, &hinted) || !strings.Contains(hinted.Hint(), step.hint) {
			t.Errorf("%s: %v", step.name, err)
		}
	}
	s.eventually(t, s.helperPods)
}

// testLook: a verb sees the node as it is, and its error comes back with its code.
func (s *scene) testLook(t *testing.T) {
	n, err := s.podNode(t, s.config, nil)
	must(t, err)
	defer n.Close()
	var out bytes.Buffer
	must(t, n.Run(t.Context(), transport.Command{Args: []string{"node", "status", "-o", "json"}, Stdout: &out}))
	var seen nodeStatus
	must(t, json.Unmarshal(out.Bytes(), &seen))
	if !seen.Kubelet.Healthy || !seen.Health.Serves || seen.Runtime.Error != "" || seen.Data.Error != "" {
		t.Errorf("it does not see the node as it is:\n%s", out.String())
	}
	var exit *transport.ExitError
	if err := n.Run(t.Context(), transport.Command{Args: []string{"node", "runs", "none"}}); !errors.As(err, &exit) || exit.Code != usage || exit.Node != s.node.Name {
		t.Errorf("%v", err)
	}
}

// testLeft: a restore that is left as a static pod needs neither its helper nor an API
// server nor the same kubelet, and goes when it is done.
func (s *scene) testLeft(t *testing.T) {
	const file = "/var/lib/snap.db"
	s.save(t)
	s.node.Must(t, "cp", snapshot, file)
	n, err := s.podNode(t, s.config, nil)
	must(t, err)
	job := transport.Job{Name: "restore", Args: []string{"node", "run", file, "--yes"}}
	must(t, n.Leave(t.Context(), job))
	if err := n.Close(); err != nil && !errors.Is(err, transport.ErrConnection) { // the API server may have been stopped
		t.Error(err)
	}
	s.down(t)
	s.node.RestartKubelet(t)
	s.eventually(t, func(context.Context) error {
		if _, there := s.node.Manifests(t)["etcd-restore-restore.yaml"]; there {
			return errors.New("the static pod of the job is there")
		}
		return nil
	})
	log := string(s.node.Read(t, transport.Logs+"/restore.log"))
	if !strings.Contains(log, "has ended: exit code 0") || strings.Count(log, "begins:") != 1 {
		t.Errorf("the log of the job:\n%s", log)
	}
	s.requireRestored(t)
	s.requireMoved(t)
}

// testCleanup: what a workstation leaves that is killed is removed by the next.
func (s *scene) testCleanup(t *testing.T) {
	_, err := s.podNode(t, s.config, nil) // and never closed
	must(t, err)
	if s.helperPods(t.Context()) == nil {
		t.Error("there is no helper pod to clean up")
	}
	cmd := exec.CommandContext(t.Context(), programs()[plugin], "cleanup", "-o", "json")
	cmd.Env = append(os.Environ(), "KUBECONFIG="+s.Kubeconfig())
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), `"kind": "Cleanup"`) || !strings.Contains(string(out), `"node": "cp1"`) {
		t.Fatalf("%v\n%s", err, out)
	}
	s.eventually(t, s.helperPods)
	if left := s.node.Must(t, "bash", "-c", "ls -d /var/lib/etcd-restore/{bin,log,uploads} /etc/kubernetes/.etcd-restore* 2>/dev/null || true"); left != "" {
		t.Errorf("left on the node:\n%s", left)
	}
}
