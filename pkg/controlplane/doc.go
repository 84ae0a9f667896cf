// Package controlplane stops and starts the static pods of a control-plane node.
//
// A static pod stops when its manifest is taken out of the kubelet's folder and
// starts when it is put in. Both are promises that the kubelet keeps only if all is
// well, and it is asked nothing here; what counts is what the container runtime
// tells. What was read in kubelet 1.37 and seen on real nodes, and is the reason for
// the way things are done here:
//
//   - A kubelet that has not reached an API server since it started stops no pod whose
//     manifest is gone (kubelet.go, deletePod), and refuses for ever a changed one of
//     the same name (pod_workers.go, allowStaticPodStart). So containers are stopped
//     through the runtime, and a kubelet that does not let go of a pod is started again,
//     at the only safe moment: the manifests are out and the containers gone.
//   - A pod whose predecessor is not finished waits 10 to 15 s. The predecessor is
//     finished soon after its folder below /var/lib/kubelet/pods is gone.
//   - A sandbox is there within a second, and after five on a busy node. The pod's folder
//     is made before it. A pod whose manifest is taken out meanwhile is begun all the same
//     and then ended, for which an API server takes half a minute.
//   - What a container that failed has to wait counts from containers that still exist.
//     So old sandboxes are removed.
//   - An API server without an etcd answers slowly, and the kubelet waits for it. So
//     etcd is stopped last.
package controlplane
