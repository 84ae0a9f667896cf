# shellcheck shell=bash
# The cluster: kubeadm init on the first node, kubeadm join on the others.

token=abcdef.0123456789abcdef
certificate_key=e6a2eb8581237ab72a4f494f30285ec12a9694d750b9785706a83bfcbbbd2204

cluster_up() {
	[[ $1 =~ ^[135]$ ]] || die "a cluster has 1, 3 or 5 nodes, not '$1'"
	etcd_minor=${ETCD:-3.7}
	build
	destroy
	echo "$etcd_minor" >"$lab/etcd"
	echo "$number" >"$lab/number"
	trap failed EXIT
	make_disk
	local names node
	names=$(seq -f 'cp%g' "$1")
	for node in $names; do boot_new "$node"; done
	balance "$names"
	for node in $names; do
		if [[ $node == cp1 ]]; then initialise; else join "$node"; fi
	done
	say "waiting for every node, API server and etcd member"
	until_true 180 all_ready "$names" || die "the cluster did not get ready"
	trap - EXIT
	kubectl get nodes
}

failed() {
	local kept
	kept=$lab/failed-$(date +%Y%m%dT%H%M%S)
	keep_logs "$kept"
	say "up failed; the nodes are left as they are, their logs are in $kept"
}

# keep_logs FOLDER: of nodes that are off, too.
keep_logs() {
	mkdir -p "${1:?which folder?}"
	local node
	for node in $(node_names); do
		mkdir -p "$1/$node"
		cp -a "$nodes/$node/init.log" "$nodes/$node/var-log/." "$1/$node/" 2>/dev/null || true
	done
	cp "$lab"/*.log "$1/" 2>/dev/null || true
}

make_disk() {
	mkdir -p "$nodes"
	truncate -s "$disk_size" "$disk"
	mkfs.xfs -q -m reflink=1 "$disk"
	mount_disk
}

# mount_disk and run_balancer bring back what a boot of the machine ended.
mount_disk() {
	[[ -f $disk ]] || die "no cluster: test/lab/lab up"
	mountpoint -q "$nodes" || attach "$disk" "$nodes"
}

# attach mounts the file system in a file, without the kernel holding all of it twice where
# that can be helped. The loop device goes with the mount.
attach() {
	local device
	device=$(losetup --find --show --direct-io=on "$1" 2>/dev/null) ||
		device=$(losetup --find --show "$1")
	mount "$device" "$2" || { losetup --detach "$device"; return 1; }
	losetup --detach "$device" # lazily: once it is unmounted
}

boot_new() {
	say "booting $1"
	install_node "$1"
	node_poweron "$1"
	local image
	for image in "$images"/*.tar; do import "$1" "$image"; done
}

import() {
	node_exec "$1" ctr -n k8s.io images import - <"$2" >"$lab/import.log" 2>&1 ||
		die "$1 does not take the image $2: $lab/import.log"
}

cluster_image() {
	[[ -f ${1:-} ]] || die "which image?"
	local node
	for node in $(node_names); do
		! is_up "$node" || import "$node" "$1"
	done
}

# balance puts all API servers behind one address, as kubeadm wants for
# more than one.
balance() {
	local node
	{
		render haproxy.cfg "ADDRESS=$network.1"
		for node in $1; do echo "  server $node $(address_of "$node"):6443"; done
	} >"$lab/haproxy.cfg"
	run_balancer
}

run_balancer() {
	make_bridge
	pgrep -f -x "haproxy -D -f $lab/haproxy.cfg" >/dev/null ||
		quietly "$lab/haproxy.log" haproxy -D -f "$lab/haproxy.cfg" ||
		die "haproxy does not start: $lab/haproxy.log"
}

initialise() {
	configure cp1 init 19
	run_kubeadm cp1 init --skip-phases=addon --upload-certs
	install -m 600 "$nodes/cp1/etc-kubernetes/admin.conf" "$lab/admin.conf"
	# As the addon would, of which there is nothing else.
	render kube-proxy.yaml "IMAGE=registry.k8s.io/kube-proxy:$kubernetes" >"$lab/kube-proxy.yaml"
	quietly "$lab/kube-proxy.log" kubectl apply -f "$lab/kube-proxy.yaml" ||
		die "kube-proxy is not taken: $lab/kube-proxy.log"
}

join() {
	configure "$1" join 20
	run_kubeadm "$1" join
}

# configure NODE init|join LAST: etcd 3.5 does not know two of the flags that
# kubeadm writes by now, the second of which is the last of that many.
configure() {
	local opt=$nodes/$1/opt
	render "kubeadm-$2.yaml" "NAME=$1" "ADDRESS=$(address_of "$1")" "ENDPOINT=$endpoint" \
		"TOKEN=$token" "KEY=$certificate_key" "KUBERNETES=$kubernetes" "ETCD_TAG=$(etcd_tag)" \
		"DATA_DIR=$etcd_data_dir" "EXTRA_ARGS=$etcd_extra_args" >"$opt/kubeadm.yaml"
	mkdir -p "$opt/patches"
	local last=$(($3 + (${#etcd_extra_args} > 0)))
	[[ $etcd_minor != 3.5 ]] || render etcd-3.5.json "LAST=$last" >"$opt/patches/etcd+json.json"
}

# run_kubeadm NODE COMMAND...: the checks are for a machine of one's own.
run_kubeadm() {
	local node=$1
	shift
	say "kubeadm $1 on $node"
	quietly "$lab/kubeadm-$node.log" exec_at "$(init_of "$node")" timeout 8m \
		kubeadm "$@" --config /opt/kubeadm.yaml --ignore-preflight-errors=all ||
		die "kubeadm $1 failed on $node: $lab/kubeadm-$node.log"
}

all_ready() {
	local names=$1 node
	(($(kubectl get nodes --no-headers | grep -cw Ready) == $(wc -w <<<"$names"))) || return 1
	(($(kubectl -n kube-system get daemonset kube-proxy -o 'jsonpath={.status.numberReady}') == $(wc -w <<<"$names"))) || return 1
	for node in $names; do
		kubectl get --raw /readyz --server "https://$(address_of "$node"):6443" || return 1
		etcdctl_on "$node" endpoint health || return 1
	done
	(($(etcdctl_on cp1 member list | grep -c ', started,.*false$') == $(wc -w <<<"$names")))
}

etcdctl_on() {
	local node=$1 pki=/etc/kubernetes/pki/etcd
	shift
	exec_at "$(init_of "$node")" etcdctl --endpoints "https://$(address_of "$node"):2379" \
		--cacert $pki/ca.crt --cert $pki/healthcheck-client.crt --key $pki/healthcheck-client.key "$@"
}

kubectl() {
	[[ -f $lab/admin.conf ]] || die "no cluster: test/lab/lab up"
	[[ ${kubernetes_bin:-} ]] || settle_versions
	KUBECONFIG=$lab/admin.conf "$kubernetes_bin/kubectl" "$@"
}

cluster_status() {
	local node
	[[ $(node_names) ]] || { echo 'no nodes'; return; }
	for node in $(node_names); do
		if is_up "$node"; then echo "$node $(address_of "$node") up"; else echo "$node $(address_of "$node") off"; fi
	done
	kubectl --request-timeout 5s get nodes || true
	for node in $(node_names); do
		! is_up "$node" || etcdctl_on "$node" endpoint health || true
	done
}

print_env() {
	settle_versions
	echo "export KUBECONFIG='$lab/admin.conf' PATH='$programs':\"\$PATH\""
}
