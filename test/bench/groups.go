package main

import (
	"fmt"
	"path/filepath"
	"strings"
)

const (
	cp            = "cp --reflink=never; sync FILE"
	utlOne        = "etcdutl restore, 1 member"
	utlThree      = "etcdutl restore, 3 members"
	oursOne       = "restore, 1 member"
	oursThree     = "restore, 3 members"
	oursCompact   = "restore --compact, 1 member"
	utlStatus     = "etcdutl status"
	oursStatus    = "status"
	oursVerify    = "verify"
	ctlSave       = "etcdctl snapshot save"
	oursSave      = "save"
	bootUtl       = "etcd ready after etcdutl restore"
	bootOurs      = "etcd ready after restore"
	bootCompact   = "etcd ready after restore --compact"
	forced        = "etcd --force-new-cluster ready"
	salvaged      = "salvage"
	reflinkOne    = "restore, 1 member, shared blocks"
	reflinkThree  = "restore, 3 members, shared blocks"
	bump          = "1000000000"
	groupRestore  = "restore"
	oursLs        = "ls"
	oursList      = "ls pods"
	oursAlike     = "diff, nothing changed"
	oursDiff      = "diff, a tenth changed"
	groupDiff     = "diff"
	groupRead     = "status and verify"
	groupObjects  = "objects"
	groupSave     = "save"
	groupBoot     = "boot"
	groupSalvage  = "salvage"
	groupLarge    = "salvage-large"
	groupReflinks = "reflink"
)

// groups is everything that is compared, with the promises.
func groups() []group {
	return []group{
		{
			name: groupRestore,
			contestants: []contestant{
				{name: cp, run: func(b *bench) sample {
					return b.exec("cp", "--reflink=never", b.snapshot, b.out("copy")).then(b.exec("sync", b.out("copy")))
				}},
				{name: utlOne, run: func(b *bench) sample { return b.utlRestore("m1") }},
				{name: utlThree, run: func(b *bench) sample {
					return b.utlRestore("m1").then(b.utlRestore("m2")).then(b.utlRestore("m3"))
				}},
				{name: oursOne, run: func(b *bench) sample { return b.ourRestore(b.snapshot, b.out(""), 1) }},
				{name: oursThree, run: func(b *bench) sample { return b.ourRestore(b.snapshot, b.out(""), 3) }},
				{name: oursCompact, run: func(b *bench) sample { return b.ourRestore(b.snapshot, b.out(""), 1, "--compact") }},
			},
			claims: []claim{
				{"1 member against etcdutl", oursOne, utlOne, 1, 0.4, seconds},
				{"1 member against cp and sync", oursOne, cp, 1, 1.4, seconds},
				{"3 members against 3 runs of etcdutl", oursThree, utlThree, 1, 0.45, seconds},
				{"resident memory against etcdutl", oursOne, utlOne, 1, 0.15, resident},
			},
		},
		{
			name: groupRead,
			contestants: []contestant{
				{name: utlStatus, run: func(b *bench) sample { return b.exec(b.etcdutl, "snapshot", "status", b.snapshot) }},
				{name: oursStatus, run: func(b *bench) sample { return b.exec(b.ours, "status", b.snapshot) }},
				{name: oursVerify, run: func(b *bench) sample { return b.exec(b.ours, "verify", b.snapshot) }},
			},
			claims: []claim{
				{"status against etcdutl status", oursStatus, utlStatus, 1, 0.6, seconds},
				{"verify against etcdutl status", oursVerify, utlStatus, 1, 1.2, seconds},
			},
		},
		{
			name: groupObjects,
			contestants: []contestant{
				{name: utlStatus, run: func(b *bench) sample { return b.exec(b.etcdutl, "snapshot", "status", b.snapshot) }},
				{name: oursLs, run: func(b *bench) sample { return b.exec(b.plugin, "ls", b.snapshot) }},
				{name: oursList, run: func(b *bench) sample { return b.exec(b.plugin, "ls", b.snapshot, "pods") }},
			},
			claims: []claim{
				{"what fills it, against etcdutl status", oursLs, utlStatus, 1, 0.5, seconds},
				{"resident memory against etcdutl", oursLs, utlStatus, 1, 0.15, resident},
			},
		},
		{
			name:  groupDiff,
			setUp: func(b *bench) { b.later = b.generate("later.db", b.options.Keys/10) },
			contestants: []contestant{
				{name: utlStatus, run: func(b *bench) sample { return b.exec(b.etcdutl, "snapshot", "status", b.snapshot) }},
				{name: oursAlike, run: func(b *bench) sample { return b.exec(b.plugin, "diff", b.snapshot, b.snapshot) }},
				{name: oursDiff, run: func(b *bench) sample { return b.exec(b.plugin, "diff", b.snapshot, b.later) }},
			},
			claims: []claim{
				{"two snapshots, nothing changed, against etcdutl status of one", oursAlike, utlStatus, 1, 2.5, seconds},
				{"two snapshots, a tenth changed, against etcdutl status of one", oursDiff, utlStatus, 1, 2.5, seconds},
			},
		},
		{
			name:  groupSave,
			setUp: (*bench).startServer,
			contestants: []contestant{
				{name: ctlSave, run: func(b *bench) sample {
					return b.exec(b.etcdctl, "snapshot", "save", b.out("snap"), "--endpoints", b.endpoint)
				}},
				{name: oursSave, run: func(b *bench) sample {
					return b.exec(b.ours, "save", b.out("snap"), "--endpoints", b.endpoint)
				}},
			},
			claims: []claim{{"save against etcdctl", oursSave, ctlSave, 1, 0.7, seconds}},
		},
		{
			name: groupBoot,
			contestants: []contestant{
				{name: bootUtl, prepare: func(b *bench) { b.utlRestore("m1") }, run: (*bench).boot},
				{name: bootOurs, prepare: func(b *bench) { b.ourRestore(b.snapshot, b.out(""), 1) }, run: (*bench).boot},
				{name: bootCompact, prepare: func(b *bench) { b.ourRestore(b.snapshot, b.out(""), 1, "--compact") }, run: (*bench).boot},
			},
			claims: []claim{
				{"ready after restore against after etcdutl", bootOurs, bootUtl, 1, 1, seconds},
				{"ready after restore --compact against after etcdutl", bootCompact, bootUtl, 1, 1, seconds},
			},
		},
		{
			name:  groupSalvage,
			setUp: (*bench).crashSmall,
			contestants: []contestant{
				{name: forced, prepare: copyCrashed("crashed"), run: forceNewCluster("")},
				{name: salvaged, prepare: copyCrashed("crashed"), run: func(b *bench) sample { return b.salvage("") }},
			},
			claims: []claim{
				{"200,000 entries against etcd --force-new-cluster", salvaged, forced, 1, 1, seconds},
				{"resident memory against etcd", salvaged, forced, 1, 1, resident},
			},
		},
		{
			name:  groupLarge,
			setUp: (*bench).crashLarge,
			contestants: []contestant{
				{name: forced, prepare: copyCrashed("crashed large"), run: forceNewCluster("m1.etcd")},
				{name: salvaged, prepare: copyCrashed("crashed large"), run: func(b *bench) sample { return b.salvage("m1.etcd") }},
			},
			claims: []claim{
				{"200,000 entries and a database of 2 GiB, to copy and verify", salvaged, forced, 1, 2, seconds},
				{"resident memory against etcd", salvaged, forced, 1, 1, resident},
			},
		},
		{
			name:  groupReflinks,
			setUp: (*bench).mountXFS,
			contestants: []contestant{
				{name: reflinkOne, prepare: (*bench).clearXFS, run: func(b *bench) sample {
					return b.ourRestore(filepath.Join(b.xfs, "snapshot.db"), filepath.Join(b.xfs, "out"), 1)
				}},
				{name: reflinkThree, prepare: (*bench).clearXFS, run: func(b *bench) sample {
					return b.ourRestore(filepath.Join(b.xfs, "snapshot.db"), filepath.Join(b.xfs, "out"), 3)
				}},
			},
			claims: []claim{{"3 members against 1", reflinkThree, reflinkOne, 1, 1.3, seconds}},
		},
	}
}

func groupNames() string {
	var names []string
	for _, g := range groups() {
		names = append(names, g.name)
	}
	return strings.Join(names, ", ")
}

// initialCluster names n members on loopback.
func initialCluster(n int) string {
	var pairs []string
	for i := range n {
		pairs = append(pairs, fmt.Sprintf("m%d=http://127.0.0.1:%d", i+1, 32380+i))
	}
	return strings.Join(pairs, ",")
}

// utlRestore restores one of three members with etcdutl, bump and all.
func (b *bench) utlRestore(name string) sample {
	url := map[string]string{"m1": "http://127.0.0.1:32380", "m2": "http://127.0.0.1:32381", "m3": "http://127.0.0.1:32382"}[name]
	cluster := initialCluster(3)
	if name == "m1" {
		cluster = initialCluster(1)
	}
	return b.exec(b.etcdutl, "snapshot", "restore", b.snapshot, "--data-dir", b.out(name+".etcd"),
		"--name", name, "--initial-cluster", cluster, "--initial-advertise-peer-urls", url,
		"--bump-revision", bump, "--mark-compacted")
}

// ourRestore does the same for n members in one run.
func (b *bench) ourRestore(snapshot, dir string, n int, flags ...string) sample {
	args := append([]string{
		"restore", snapshot, "--all-members", "--output-dir", dir, "--initial-cluster", initialCluster(n),
		"--bump-revision", bump, "--mark-compacted",
	}, flags...)
	return b.exec(b.ours, args...)
}
