#!/usr/bin/env bash
# init.sh FOLDER PROGRAMS CGROUP HIERARCHIES: the first process of a node, inside its namespaces. It
# mounts the node's disks over the machine's and keeps its services running.
set -eu
dir=$1 programs=$2 cgroup=$3 hierarchies=$4
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root

mount --make-rprivate /
mount -t proc proc /proc
for root in $hierarchies; do
	mount --bind "$root/$cgroup/${dir##*/}" "$root"
done
if [ -f /sys/fs/cgroup/cgroup.controllers ]; then
	# A group of version 2 has either processes or groups that share its controllers.
	mkdir -p /sys/fs/cgroup/init
	while read -r pid; do
		echo "$pid" >/sys/fs/cgroup/init/cgroup.procs || true
	done </sys/fs/cgroup/cgroup.procs
fi
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$dir/etc,workdir=$dir/etc-work" /etc
mount --bind "$dir/etc-kubernetes" /etc/kubernetes
mount -t overlay overlay -o "lowerdir=$programs:/usr/local/bin" /usr/local/bin
mount --bind "$dir/var-lib" /var/lib
mount --bind "$dir/var-log" /var/log
if [ -f "$dir/etcd.img" ]; then # its data directory is a mount point
	mount -o loop "$dir/etcd.img" /var/lib/etcd
fi
mount --bind "$dir/opt" /opt
mount --bind "$dir/root" /root
mount --bind "$dir/tmp" /tmp
mount -t tmpfs tmpfs /run
mkdir -p /run/sshd
# As systemd has it: containers see what the kubelet mounts after they were started.
mount --make-rshared /
find /tmp -mindepth 1 -delete

hostname "${dir##*/}"
cd /

run_kubelet() {
	local flags
	flags=$(sed -n 's/^KUBELET_KUBEADM_ARGS="\(.*\)"/\1/p' /var/lib/kubelet/kubeadm-flags.env 2>/dev/null)
	# shellcheck disable=SC2086 # flags, as systemd splits them
	kubelet --bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf \
		--kubeconfig=/etc/kubernetes/kubelet.conf --config=/var/lib/kubelet/config.yaml $flags
}

# What ends is started again, as a service manager would.
set +e
/usr/sbin/sshd -D >>/var/log/sshd.log 2>&1 &
while :; do
	containerd >>/var/log/containerd.log 2>&1
	sleep 1
done &
while :; do
	if [ -f /var/lib/kubelet/config.yaml ] && [ ! -f /run/kubelet-stopped ]; then
		run_kubelet >>/var/log/kubelet.log 2>&1
	fi
	sleep 0.5
done &
wait
