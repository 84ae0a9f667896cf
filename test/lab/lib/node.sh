# shellcheck shell=bash
# One node: boot it, run something on it, pull its plug.

# init_of NODE is the process that all others of the node end with.
init_of() { pgrep -f -x "tini -s -g -- bash [^ ]*/init\.sh $nodes/$1 .*" | head -n 1 || true; }

is_up() { [[ $(init_of "$1") ]]; }

address_of() { echo "$network.1${1#cp}"; }

known() { [[ ${1:-} =~ ^cp[1-5]$ && -d $nodes/$1/etc ]] || die "no node '${1:-}': there are: $(node_names | xargs)"; }

node_names() { ls "$nodes" 2>/dev/null || true; }

node_exec() {
	known "${1:-}"
	local node=$1 init
	shift
	init=$(init_of "$node")
	[[ $init ]] || die "$node is off"
	exec_at "$init" "$@"
}

exec_at() {
	local init=$1
	shift
	nsenter --target "$init" --mount --uts --net --pid --cgroup --wdns=/root \
		env -i PATH=/opt/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM="${TERM:-dumb}" "$@"
}

# node_kubelet NODE stop|start, as systemctl would: a stopped kubelet is back
# after a boot.
node_kubelet() {
	case ${2:-} in
	stop) node_exec "$1" bash -c 'touch /run/kubelet-stopped; pkill -x kubelet; while pgrep -x kubelet; do sleep 0.1; done >/dev/null' ;;
	start) node_exec "$1" rm -f /run/kubelet-stopped ;;
	*) die "kubelet NODE stop or start" ;;
	esac
}

# poweroff NODE... kills all before it waits for any.
poweroff() {
	local node init inits=()
	each known "$@"
	for node; do
		init=$(init_of "$node")
		[[ -z $init ]] || inits+=("$init")
	done
	((${#inits[@]})) || return 0
	kill -KILL "${inits[@]}"
	for node; do
		until_true 20 gone "$node" || die "$node does not end"
		remove_cgroups "$node"
	done
}

gone() { ! is_up "$1" && [[ -z $(ip netns pids "$bridge-$1") ]]; }

# watch_files lets every kubelet watch its folder of manifests, however many labs there
# are: one that may not looks at it three times a minute.
watch_files() {
	local limit=/proc/sys/fs/inotify/max_user_instances
	(($(<$limit) >= 2048)) || echo 2048 >$limit || say "$limit cannot be raised: kubelets may be slow to see manifests"
}

node_poweron() {
	known "$1"
	if is_up "$1"; then
		say "$1 is up"
		return
	fi
	settle_versions
	watch_files
	remove_cgroups "$1"
	connect "$1"
	# In a session of its own, so that a key pressed in a terminal is not for the node.
	(
		enter_cgroups "$1"
		exec setsid --fork env -i nsenter --net="/run/netns/$bridge-$1" \
			unshare --fork --pid --kill-child --mount --uts --cgroup \
			tini -s -g -- bash "$here/init.sh" "$nodes/$1" "$programs" "$cgroup" "$(cgroup_roots | xargs)" \
			>>"$nodes/$1/init.log" 2>&1 </dev/null
	)
	until_true 30 serves "$1" || die "$1 did not come up: $nodes/$1/init.log, $nodes/$1/var-log/containerd.log"
}

serves() {
	local init
	init=$(init_of "$1")
	[[ $init ]] && exec_at "$init" timeout 5 ctr version
}

make_bridge() {
	[[ -e /sys/class/net/$bridge ]] || ip link add "$bridge" type bridge
	ip addr replace "$network.1/24" dev "$bridge"
	ip link set "$bridge" up
}

connect() {
	local netns=$bridge-$1
	make_bridge
	[[ ! -e /run/netns/$netns ]] || return 0
	ip netns add "$netns"
	ip link add "$netns" type veth peer name eth0 netns "$netns"
	ip link set "$netns" master "$bridge" up
	ip -n "$netns" addr add "$(address_of "$1")/24" dev eth0
	ip -n "$netns" link set eth0 up
	ip -n "$netns" link set lo up
	ip -n "$netns" route add default via "$network.1"
}

# install_node NODE makes the disks of a new node. etc covers the machine's /etc;
# the others are the node's alone.
install_node() {
	local node=$1 dir=$nodes/$1
	mkdir -p "$dir"/{etc,etc-work,etc-kubernetes,var-lib,var-log,opt,root/.ssh,tmp}
	mkdir -p "$dir"/etc/{kubernetes,ssh,containerd,cni/net.d} "$dir"/var-lib/{etcd,kubelet,containerd,cni}
	chmod 700 "$dir/var-lib/etcd" "$dir/root" "$dir/root/.ssh"
	chmod 1777 "$dir/tmp"

	echo "$node" >"$dir/etc/hostname"
	{
		echo "127.0.0.1 localhost"
		local other
		for other in cp1 cp2 cp3 cp4 cp5; do echo "$(address_of "$other") $other"; done
	} >"$dir/etc/hosts"
	cp -L /etc/resolv.conf "$dir/etc/resolv.conf"
	[[ -f $lab/ssh_key ]] || ssh-keygen -q -t ed25519 -N '' -f "$lab/ssh_key"
	install -m 600 "$lab/ssh_key.pub" "$dir/root/.ssh/authorized_keys"
	ssh-keygen -q -t ed25519 -N '' -f "$dir/etc/ssh/lab_host_key"
	render sshd_config "ADDRESS=$(address_of "$node")" >"$dir/etc/ssh/sshd_config"
	render containerd.toml "PAUSE=$(<"$images/pause-reference")" >"$dir/etc/containerd/config.toml"
	render cni.conflist "NUMBER=${node#cp}" >"$dir/etc/cni/net.d/10-lab.conflist"
}
