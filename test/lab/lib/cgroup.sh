# shellcheck shell=bash
# The control groups of a node: a tree of its own, which it takes for the whole,
# so that those of its containers are found when it was killed.

# cgroup_roots prints the hierarchies: one of version 2, several of version 1.
cgroup_roots() {
	if [[ -f /sys/fs/cgroup/cgroup.procs ]]; then
		echo /sys/fs/cgroup
		return
	fi
	local procs
	for procs in /sys/fs/cgroup/*/cgroup.procs; do
		[[ ! -f $procs || -L ${procs%/*} ]] || echo "${procs%/*}"
	done
}

# enter_cgroups NODE moves this process to the top of the node's trees.
enter_cgroups() {
	local root path part
	for root in $(cgroup_roots); do
		path=$root
		for part in "$cgroup" "$1"; do
			mkdir -p "$path/$part"
			pass_on "$path" "$path/$part"
			path=$path/$part
		done
		echo "$BASHPID" >"$path/cgroup.procs"
	done
}

# pass_on PARENT CHILD gives a group what it does not have by itself: controllers
# in version 2, processors and memory in version 1.
pass_on() {
	local controller file
	if [[ -f $1/cgroup.controllers ]]; then
		for controller in $(<"$1/cgroup.controllers"); do
			echo "+$controller" 2>/dev/null >"$1/cgroup.subtree_control" || true
		done
	fi
	for file in cpuset.cpus cpuset.mems; do
		[[ ! -f $1/cgroup.clone_children || ! -f $1/$file ]] || cat "$1/$file" >"$2/$file"
	done
}

# remove_cgroups NODE removes what a node left. Only empty ones can be removed.
remove_cgroups() {
	local root
	for root in $(cgroup_roots); do
		find "$root/$cgroup/$1" -depth -type d -delete 2>/dev/null || true
		rmdir "$root/$cgroup" 2>/dev/null || true
	done
}
