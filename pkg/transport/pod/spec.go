package pod

import (
	"fmt"
	"maps"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/etcd-restore/etcd-restore/pkg/transport"
)

// Labels of what we make.
const (
	labelName      = "app.kubernetes.io/name"
	labelComponent = "app.kubernetes.io/component"
	labelInstance  = "app.kubernetes.io/instance"

	ourName = "etcd-restore"
	helper  = "helper"
	agent   = "agent"
)

// tmp is where the program arrives, and the one folder that is not the node's.
const tmp = "/tmp"

// helper is a pod that waits for exec. cat reads from a terminal at which nobody sits,
// and needs nothing else of the image.
func (c *Cluster) helper(t Target, o Options) *corev1.Pod {
	p := skeleton(t, o.HostPID, map[string]string{labelComponent: helper, labelInstance: c.session})
	p.Name = c.name()
	p.Spec.NodeName = t.Name
	p.Spec.RestartPolicy = corev1.RestartPolicyNever
	p.Spec.ActiveDeadlineSeconds = new(int64(o.deadline().Seconds()))
	p.Spec.TerminationGracePeriodSeconds = new(int64(0))
	container := &p.Spec.Containers[0]
	container.Command = []string{"cat"}
	container.Stdin, container.TTY = true, true
	return p
}

// manifest is the static pod for a job that is left on a node. Its program is the one that was
// brought there; of the image it uses nothing.
func manifest(t Target, o Options, j transport.Job) *corev1.Pod {
	p := skeleton(t, true, map[string]string{labelComponent: agent, labelInstance: j.Name})
	p.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}
	// Another pod each time: to the kubelet two of one name are one that changes, and it
	// does not start the second before it has forgotten the first.
	p.Name = prefix + j.Name + "-" + random()
	p.Spec.RestartPolicy = corev1.RestartPolicyOnFailure
	p.Spec.TerminationGracePeriodSeconds = new(int64(30))
	p.Spec.Containers[0].Command = append([]string{o.Program.Path(), "node", "agent-pod", "run", "--name", j.Name, "--"}, j.Args...)
	for i, arg := range p.Spec.Containers[0].Command {
		p.Spec.Containers[0].Command[i] = strings.ReplaceAll(arg, "$", "$$") // $(NAME) would be a variable
	}
	return p
}

// skeleton is what both have in common: the network and the folders of the node, root,
// and as little beyond it as the verbs get along with. It is for the kube-system
// namespace: PodSecurity's baseline already forbids what makes it useful.
func skeleton(t Target, hostPID bool, labels map[string]string) *corev1.Pod {
	all := map[string]string{labelName: ourName}
	maps.Copy(all, labels)
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Labels: all},
		Spec: corev1.PodSpec{
			HostNetwork:                  true, // etcd, the API server and the kubelet on 127.0.0.1
			HostPID:                      hostPID,
			DNSPolicy:                    corev1.DNSDefault, // that of the cluster may be as dead as the rest
			AutomountServiceAccountToken: new(false),
			EnableServiceLinks:           new(false),
			PriorityClassName:            "system-node-critical", // no eviction in the middle of a restore
			Tolerations:                  []corev1.Toleration{{Operator: corev1.TolerationOpExists}},
			SecurityContext: &corev1.PodSecurityContext{
				RunAsUser: new(int64(0)), RunAsNonRoot: new(false),
				// The node's files have labels that no container may touch, but one of
				// this type. Where there is no SELinux it means nothing.
				SELinuxOptions: &corev1.SELinuxOptions{Type: "spc_t"},
				SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
			},
			Containers: []corev1.Container{{
				Name: ourName, Image: t.Image, ImagePullPolicy: corev1.PullNever,
				SecurityContext: &corev1.SecurityContext{
					AllowPrivilegeEscalation: new(false),
					ReadOnlyRootFilesystem:   new(true),
					Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}, Add: capabilities(hostPID)},
				},
			}},
		},
	}
	if hostPID {
		// The default profile lets nobody signal or look at a process outside of it.
		p.Spec.Containers[0].SecurityContext.AppArmorProfile = &corev1.AppArmorProfile{Type: corev1.AppArmorProfileTypeUnconfined}
	}
	mount(p, t.Paths)
	return p
}

// capabilities are all that root keeps.
func capabilities(hostPID bool) []corev1.Capability {
	all := []corev1.Capability{
		"CHOWN",        // a new data directory belongs to whom the old one does
		"DAC_OVERRIDE", // which may be another user than root, whose files are read and written
		"FOWNER",       // and whose modes and labels are set
	}
	if hostPID {
		all = append(all,
			"SYS_PTRACE", // to tell the node's kubelet from one in a container, by its root
			"KILL",       // to start it again, where it is not root's
		)
	}
	return all
}

// mount gives a pod the paths of the node. What is mounted or unmounted there later is so
// in the pod, too: a helper must not keep the disks of other pods busy.
func mount(p *corev1.Pod, paths []Path) {
	add := func(name string, source corev1.VolumeSource, m corev1.VolumeMount) {
		m.Name = name
		p.Spec.Volumes = append(p.Spec.Volumes, corev1.Volume{Name: name, VolumeSource: source})
		p.Spec.Containers[0].VolumeMounts = append(p.Spec.Containers[0].VolumeMounts, m)
	}
	for i, path := range paths {
		add(fmt.Sprintf("host-%d", i),
			corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: path.Name, Type: new(path.Type)}},
			corev1.VolumeMount{MountPath: path.Name, ReadOnly: path.ReadOnly, MountPropagation: new(corev1.MountPropagationHostToContainer)})
	}
	add("tmp", corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}, corev1.VolumeMount{MountPath: tmp})
}
