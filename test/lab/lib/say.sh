# shellcheck shell=bash
# How the lab speaks and what it does for the other parts.

say() { echo "lab: $*" >&2; }

die() {
	say "$*"
	exit 1
}

# quietly LOG COMMAND... shows the end of the output if the command fails.
quietly() {
	local log=$1 status=0
	shift
	"$@" >"$log" 2>&1 </dev/null || status=$?
	((status == 0)) || tail -n 20 "$log" >&2
	return "$status"
}

# until_true SECONDS COMMAND... tries a command until it succeeds.
until_true() {
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		((SECONDS < end)) || return 1
		sleep 0.3
	done
}

each() {
	local action=$1 node
	shift
	(($#)) || die "which node?"
	for node; do "$action" "$node"; done
}

# render FILE NAME=VALUE... prints a file of config/ with @NAME@ replaced.
render() {
	local text pair
	text=$(<"$here/config/$1")
	shift
	for pair; do text=${text//"@${pair%%=*}@"/"${pair#*=}"}; done
	printf '%s\n' "$text"
}
