# shellcheck shell=bash
# What a lab is made of, and where it lives.

# Builds are kept by version, with the servers that other tests run.
cache=${ETCD_RESTORE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/etcd-restore}/lab

# The nodes and their logs. Nodes see this folder under the same name, hence not
# below /var/lib, /var/log, /etc, /root, /opt, /run or /tmp: a node has its own.
lab=${LAB:-/var/tmp/etcd-restore-lab${LAB_NUMBER:+-$LAB_NUMBER}}

# The exact version is pinned in test/servers. A cluster keeps the one it was made with.
etcd_minor=${ETCD:-$(cat "$lab/etcd" 2>/dev/null || echo 3.7)}

# For kubeadm init, whose configuration the cluster keeps.
etcd_data_dir=${ETCD_DATA_DIR:-/var/lib/etcd}
etcd_extra_args=${ETCD_QUOTA:+"{name: quota-backend-bytes, value: '$ETCD_QUOTA'}"}

disk_size=${DISK_SIZE:-60G} # sparse: only what is used takes space

# Labs of several numbers can stand side by side.
number=$(cat "$lab/number" 2>/dev/null || echo "${LAB_NUMBER:-0}")
network=10.89.$number # cpN is at .1N, the machine at .1
bridge=lab$number
cgroup=etcd-restore-lab$number # the top of the nodes' control groups
endpoint=$network.1:6443

disk=$lab/disk.img # one XFS file system with reflink for all nodes
nodes=$lab/nodes   # its mount point: a folder a node

# pinned MODULE FOLDER is the version of a module that FOLDER's go.mod requires.
pinned() {
	local version
	version=$(awk -v module="$1" '$1 == "require" { $1 = ""; $0 = $0 } $1 == module && $2 ~ /^v/ { print $2; exit }' "$2/go.mod")
	[[ $version ]] || die "$2/go.mod does not require $1"
	echo "$version"
}

settle_versions() {
	[[ -d $here/../servers/v$etcd_minor ]] || die "no etcd $etcd_minor: ETCD is one of 3.5, 3.6, 3.7"
	kubernetes=$(pinned k8s.io/kubernetes "$here/kubernetes")
	containerd=$(pinned github.com/containerd/containerd/v2 "$here/containerd")
	etcd=$(pinned go.etcd.io/etcd/server/v3 "$here/../servers/v$etcd_minor")
	kubernetes_bin=$cache/kubernetes-$kubernetes
	containerd_bin=$cache/containerd-$containerd
	etcd_bin=$(dirname "$cache")/etcd/$etcd
	images=$cache/images-$kubernetes-etcd-$etcd
	programs=$etcd_bin:$containerd_bin:$kubernetes_bin
}
