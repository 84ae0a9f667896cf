# shellcheck shell=bash
# Programs and images, built once a version.

build() {
	mkdir -p "$lab" "$cache"
	command -v go >/dev/null || die "needs Go on PATH"
	settle_versions
	install_packages
	local lock
	exec {lock}>"$cache/lock" # another lab may share the cache
	flock "$lock"
	build_etcd "$etcd_minor" >/dev/null
	local version=k8s.io/component-base/version
	local minor=${kubernetes#v1.}
	build_module "$containerd_bin" "$here/containerd" '' \
		-tags=no_btrfs,no_zfs,no_devmapper,no_aufs tool
	build_module "$kubernetes_bin" "$here/kubernetes" \
		"-X $version.gitVersion=$kubernetes -X $version.gitMajor=1 -X $version.gitMinor=${minor%%.*} -X $version.gitTreeState=clean" tool
	make_images
	exec {lock}>&-
}

# build_module OUT FOLDER LDFLAGS ARGS... builds into a folder beside OUT, so that
# what stands at OUT is complete, whenever a build was killed.
build_module() {
	local out=$1 folder=$2 ldflags=$3
	shift 3
	[[ ! -d $out ]] || return 0
	say "building ${out##*/}"
	local part=$out.part.$$
	rm -rf "$out".part.*
	quietly "$lab/build.log" env -C "$folder" CGO_ENABLED=0 GOFLAGS= GOWORK=off \
		go build -trimpath -ldflags "-s -w $ldflags" -o "$part/" "$@" ||
		die "building ${out##*/} failed: $lab/build.log"
	mv -T "$part" "$out"
}

# build_etcd MINOR prints the folder of etcd, etcdctl and etcdutl.
build_etcd() {
	[[ -d $here/../servers/v$1 ]] || die "no etcd $1: it is one of 3.5, 3.6, 3.7"
	local line
	line=$(env -C "$here" go run ../servers "$1") || die "building etcd $1 failed"
	echo "${line#*: }"
}

make_images() {
	[[ ! -d $images ]] || return 0
	say "making images"
	local part=$images.part.$$ references
	rm -rf "$images".part.*
	mkdir "$part"
	env -C "$here" CGO_ENABLED=0 go build -trimpath -o "$part/" ./image ./pause || die "building the image maker failed"
	references=$("$kubernetes_bin/kubeadm" config images list --kubernetes-version "$kubernetes" 2>/dev/null)

	local name
	for name in kube-apiserver kube-controller-manager kube-scheduler; do
		"$part/image" "$part/$name.tar" "$(name_of "$name")" - "/usr/local/bin/$name=$kubernetes_bin/$name"
	done
	"$part/image" "$part/pause.tar" "$(name_of pause)" /pause "/pause=$part/pause"
	name_of pause >"$part/pause-reference"
	# Its tag tells the version, as it does everywhere.
	local etcd_image etcd_files=()
	etcd_image=$(name_of etcd)
	for name in etcd etcdctl etcdutl; do etcd_files+=("/usr/local/bin/$name=$etcd_bin/$name"); done
	"$part/image" "$part/etcd.tar" "${etcd_image%:*}:$(etcd_tag)" - "${etcd_files[@]}"
	# The published image of kube-proxy is on every node and has a shell; here it
	# has nothing else.
	local shell=()
	for name in sh cat chmod cp ls mv rm sleep; do shell+=("/bin/$name=/bin/busybox"); done
	"$part/image" "$part/kube-proxy.tar" "$(name_of kube-proxy)" - "${shell[@]}"
	mv -T "$part" "$images"
}

# name_of COMPONENT is its image, of those that kubeadm uses.
name_of() { grep "/$1:" <<<"$references"; }

etcd_tag() { echo "${etcd#v}-0"; }
