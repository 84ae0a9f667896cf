# shellcheck shell=bash
# Deleting a cluster, or what a killed command left of one: it goes by what is
# there, not by what was written down.

destroy() {
	local netns
	for netns in $(netns_names); do
		until_true 20 kill_all "$netns" || die "processes in $netns do not end: $(ip netns pids "$netns" | xargs)"
		ip netns del "$netns"
		remove_cgroups "${netns#"$bridge"-}"
	done
	stop_balancer
	local link
	for link in $(ip -o link show 2>/dev/null | grep -oE "\b$bridge-cp[1-5]\b" | sort -u) "$bridge"; do
		ip link del "$link" 2>/dev/null || true
	done
	unmount_all
	rm -rf "$nodes" "$disk" "$lab"/{etcd,number} "$lab/admin.conf" "$lab/haproxy.cfg" "$lab/kube-proxy.yaml" "$lab"/kubeadm-*.log
}

netns_names() { ip netns list | grep -oE "^$bridge-cp[1-5]\b" || true; }

# kill_all NETNS ends every process in it. The first process of a node is there
# too, and takes along those in network namespaces of their own.
kill_all() {
	local pids
	pids=$(ip netns pids "$1")
	# shellcheck disable=SC2086 # a list
	[[ -z $pids ]] || { kill -KILL $pids; false; }
}

stop_balancer() {
	pkill -KILL -f -x "haproxy -D -f $lab/haproxy.cfg" || true
}

unmount_all() {
	local target
	while read -r target; do
		umount "$target" 2>/dev/null || umount --lazy "$target"
	done < <(findmnt -rno TARGET | grep -E "^$nodes(/|$)" | sort -r)
	# The kernel takes its time over the mounts of a node that was killed.
	[[ ! -f $disk ]] || until_true 10 loop_free || say "something still uses the nodes' disk, which goes when that ends"
}

loop_free() { [[ -z $(losetup --noheadings --output NAME --associated "$disk") ]]; }
