# shellcheck shell=bash
# What the distribution provides.

install_packages() {
	local missing=() program package
	while read -r program package; do
		[[ -e $program ]] || command -v "$program" >/dev/null || missing+=("$package")
	done <<-'EOF'
		runc               runc
		iptables           iptables
		conntrack          conntrack
		ethtool            ethtool
		socat              socat
		mkfs.xfs           xfsprogs
		/usr/lib/cni       containernetworking-plugins
		haproxy            haproxy
		tini               tini
		pgrep              procps
		sshd               openssh-server
		ssh-keygen         openssh-client
		ip                 iproute2
		/bin/busybox       busybox-static
	EOF
	((${#missing[@]})) || return 0
	command -v apt-get >/dev/null || die "install what Debian calls ${missing[*]}"
	say "installing ${missing[*]}"
	mkdir -p "$lab"
	quietly "$lab/apt.log" install_now "${missing[@]}" || die "packages are missing: ${missing[*]} ($lab/apt.log)"
}

# install_now PACKAGE...: a service that comes with one is for the nodes, and
# RUNLEVEL keeps it from being started on the machine.
install_now() {
	timeout 5m apt-get update -q || return 1
	RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive timeout 10m \
		apt-get install -q -y --no-install-recommends "$@"
}
