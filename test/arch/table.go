package arch

import "slices"

// Module is the path of the module under test.
const Module = "github.com/etcd-restore/etcd-restore"

// Row is what one package may import.
type Row struct {
	Package string   // relative to the module
	May     []string // packages of this module it may import directly
	Never   []Ban    // what it must not reach, not even through another package of this module
}

// Ban forbids a package, or with a trailing /... everything below it too.
type Ban struct {
	Import  string
	Instead string
}

// Table has a row for every package, floor by floor, lowest first.
func Table() []Row {
	const (
		hint       = "pkg/internal/hint"
		durable    = "pkg/internal/durable"
		yamledit   = "pkg/internal/yamledit"
		boltfile   = "pkg/internal/boltfile"
		courtesy   = "pkg/internal/courtesy"
		keyset     = "pkg/internal/keyset"
		schema     = "pkg/schema"
		membership = "pkg/membership"
		newfile    = "pkg/newfile"
		revision   = "pkg/revision"
		keyspace   = "pkg/keyspace"
		snapshot   = "pkg/snapshot"
		datadir    = "pkg/datadir"
		evidence   = "pkg/evidence"
		restore    = "pkg/restore"
		salvage    = "pkg/salvage"
		etcdclient = "pkg/etcdclient"
		staticpod  = "pkg/staticpod"
		kubeadm    = "pkg/kubeadm"
		journal    = "pkg/journal"
		workflow   = "pkg/workflow"
		cri        = "pkg/cri"
		kubelet    = "pkg/kubelet"
		node       = "pkg/node"
		preflight  = "pkg/preflight"
		apiserver  = "pkg/apiserver"
		noderest   = "pkg/noderestore"
		noderejoin = "pkg/noderejoin"
		nodeprune  = "pkg/nodeprune"
		proof      = "pkg/proof"
		prompt     = "plugins/internal/prompt"
		rendezvous = "pkg/rendezvous"
		topology   = "pkg/topology"
		recovery   = "pkg/recovery"
		kubeobject = "pkg/kubeobject"
		transport  = "pkg/transport"
		local      = "pkg/transport/local"
		ssh        = "pkg/transport/ssh"
		detached   = "pkg/transport/detached"
		store      = "pkg/transport/store"
		sweep      = "pkg/transport/sweep"
		helperpod  = "pkg/transport/pod"
		agentpod   = "pkg/agentpod"
		control    = "pkg/controlplane"
		iostreams  = "plugins/internal/iostreams"
		exitcode   = "plugins/internal/exitcode"
		output     = "plugins/internal/output"
		progress   = "plugins/internal/progress"
		verb       = "plugins/internal/verb"
		buildinfo  = "plugins/internal/buildinfo"
		snapshotx  = "plugins/snapshotx"
		etcdrest   = "plugins/etcdrestore"
		etcdtest   = "test/etcdtest"
		encryption = "pkg/encryption"
		enccheck   = "pkg/encryptioncheck"
		kubediff   = "pkg/kubediff"
		undo       = "pkg/undo"
	)
	return []Row{
		// Ground floor: files only.
		{hint, nil, ground()},
		{durable, []string{hint}, ground()},
		{yamledit, []string{hint}, ground()},
		{boltfile, []string{hint}, ground()},
		{keyset, nil, ground()},
		{courtesy, nil, ground()},
		{schema, nil, ground()},
		{membership, []string{hint}, ground()},
		{newfile, []string{hint, durable}, ground()},
		{revision, nil, append(ground(), Ban{"*.*/...", "revision is arithmetic: pass it plain numbers"})},
		{keyspace, []string{hint, boltfile, keyset, schema}, ground()},
		{snapshot, []string{hint, durable, boltfile, keyset, schema, membership, keyspace}, ground()},
		{datadir, []string{hint, durable, boltfile, schema, membership, snapshot}, ground()},
		{evidence, []string{hint, schema, revision, snapshot, datadir}, ground()},
		{restore, []string{hint, courtesy, durable, boltfile, schema, membership, revision, keyspace, snapshot, datadir, evidence}, ground()},
		{salvage, []string{hint, newfile, boltfile, schema, snapshot, datadir}, ground()},
		{encryption, []string{hint}, ground()},

		// First floor: one live thing each.
		{etcdclient, []string{hint, newfile}, library()},
		{staticpod, []string{hint, yamledit}, ground()},
		{kubeadm, []string{hint, yamledit}, ground()},
		{cri, []string{hint}, live()},
		{kubelet, []string{hint}, live()},
		{apiserver, []string{hint, staticpod, kubeadm}, live()},
		{rendezvous, []string{hint}, silent()},
		{control, []string{hint, durable, cri}, live()},
		{journal, []string{hint, durable}, ground()},
		{workflow, []string{journal}, ground()},

		// Top floor: what is made of them.
		{node, []string{hint, snapshot, datadir, evidence, etcdclient, staticpod, kubeadm, journal, cri, kubelet}, live()},
		{preflight, []string{hint, durable, schema, membership, snapshot, datadir, restore, encryption, enccheck, staticpod, kubeadm, journal, apiserver, node}, live()},
		{noderest, []string{
			hint, courtesy, durable, schema, membership, revision, snapshot, datadir, evidence, restore, salvage, etcdclient,
			staticpod, kubeadm, journal, workflow, cri, kubelet, control, apiserver, rendezvous, node, preflight,
		}, silent()},
		{noderejoin, []string{
			hint, durable, datadir, evidence, etcdclient, staticpod, kubeadm, journal, workflow, cri, kubelet, control, apiserver,
			node, noderest,
		}, silent()},
		{nodeprune, []string{durable, datadir, journal, noderest, noderejoin}, silent()},
		{proof, []string{hint, etcdclient, kubeadm, journal, apiserver, node, noderest, noderejoin}, silent()},

		// A whole control plane.
		{transport, []string{hint, durable}, live()},
		{local, []string{transport}, live()},
		{ssh, []string{hint, newfile, transport}, live()},
		{store, []string{hint, courtesy, durable, newfile, transport}, live()},
		{detached, []string{hint, durable, transport}, live()},
		{sweep, []string{hint, durable, transport}, live()},
		{helperpod, []string{hint, transport}, live()},
		{agentpod, []string{hint, durable, staticpod, transport, detached}, live()},
		{topology, []string{hint, revision, evidence, staticpod, kubeadm, cri, node}, live()},
		{recovery, []string{hint, schema, membership, revision, snapshot, journal, workflow, preflight, noderest, transport, topology}, silent()},

		// What is in a snapshot.
		{kubeobject, []string{hint, schema, keyspace, encryption}, live()},
		{enccheck, []string{hint, keyspace, encryption, kubeobject}, live()},
		{kubediff, []string{encryption, kubeobject}, live()},
		{undo, []string{kubeobject, kubediff}, live()},

		// The command trees.
		{iostreams, nil, tree()},
		{exitcode, nil, tree()},
		{output, nil, tree()},
		{progress, []string{iostreams, output}, tree()},
		{prompt, []string{iostreams}, tree()},
		{verb, []string{exitcode, output}, tree()},
		{buildinfo, nil, tree()},
		{snapshotx, []string{
			hint, durable, schema, membership, newfile, revision, keyspace, snapshot, datadir, evidence, restore, salvage, etcdclient,
			iostreams, exitcode, output, progress, verb, buildinfo,
		}, tree()},
		{"cmd/etcdctl-snapshot-x", []string{snapshotx}, tree()},
		{etcdrest, []string{
			membership, newfile, revision, keyspace, snapshot, datadir, evidence, restore, salvage, etcdclient,
			staticpod, kubeadm, journal, workflow, cri, kubelet, node, preflight, noderest, noderejoin, nodeprune, proof, agentpod,
			transport, local, ssh, helperpod, store, detached, sweep, topology, recovery, kubeobject, encryption, enccheck, kubediff, undo,
			iostreams, exitcode, output, progress, prompt, verb, buildinfo,
		}, []Ban{{"log", "print through the streams that Run was given"}}},
		{"cmd/kubectl-etcd_restore", []string{etcdrest}, nil},

		// The tests' own programs and helpers. What a test file imports is not checked.
		{etcdtest, nil, nil},
		{"test/arch", nil, nil},
		{"test/bench", []string{"test/bench/fixture", etcdtest}, nil},
		{"test/bench/downtime", []string{etcdtest, "test/e2e/lab", "test/e2e/probe"}, nil},
		{"test/bench/fixture", []string{schema}, nil},
		{"test/bench/gen", []string{"test/bench/fixture"}, nil},
		{"test/demo", []string{etcdtest}, nil},
		{"test/encryptiontest", nil, nil},
		{"test/e2e", nil, nil},
		{"test/e2e/lab", []string{etcdtest}, nil},
		{"test/e2e/probe", nil, nil},
		{"test/e2e/stopat", nil, nil},
		{"test/integration", nil, nil},
		{"test/kubeadm", []string{kubeadm}, nil},
		{"test/lab/image", nil, nil},
		{"test/lab/pause", nil, nil},
		{"test/manual", []string{snapshotx, etcdrest}, nil},
		{"test/nodetest", []string{etcdtest, kubeadm}, nil},
		{"test/topologytest", []string{topology}, nil},
		{"test/release", nil, nil},
		{"test/salvage", nil, nil},
		{"test/schemas", []string{revision, snapshotx, etcdrest}, nil},
		{"test/schematest", nil, nil},
		{"test/servers", []string{etcdtest}, nil},
	}
}

// library bans what nothing below pkg/ may import that etcdctl-snapshot-x links.
func library() []Ban { return append(kubernetesFree(), live()...) }

// live bans what nothing below pkg/ may import.
func live() []Ban {
	const data = "return values and errors; report progress through a small interface that the package declares"
	return []Ban{
		{"flag", "take parameters; flags belong to plugins/"},
		{"github.com/spf13/...", "take parameters; flags and commands belong to plugins/"},
		{"log/...", data},
		{"golang.org/x/term", data},
		{"github.com/olekukonko/...", data},
	}
}

// silent is for packages whose server or client wants a logger, to be told to be silent.
func silent() []Ban {
	return slices.DeleteFunc(live(), func(b Ban) bool { return b.Import == "log/..." })
}

// ground bans what needs a network: the lowest floor works on files, on a host
// where nothing else may be alive.
func ground() []Ban {
	const above = "ground-floor packages work on files; what talks to a live member belongs to pkg/etcdclient"
	return append(library(),
		Ban{"net", "use net/url or net/netip; " + above},
		Ban{"net/http/...", above},
		Ban{"google.golang.org/grpc/...", above},
		Ban{"go.etcd.io/etcd/client/v3/...", above},
	)
}

// tree bans what a command tree must not link.
func tree() []Ban { return append(kubernetesFree(), printed()) }

// printed is the ban of what writes past the streams.
func printed() Ban { return Ban{"log/...", "print through the streams that Run was given"} }

// kubernetesFree is for everything that etcdctl-snapshot-x links. k8s.io/utils is
// not among the bans: etcd's own key index is a tree from there.
func kubernetesFree() []Ban {
	const why = "etcdctl-snapshot-x is for any etcd and links no Kubernetes code"
	return []Ban{
		{"k8s.io/api/...", why},
		{"k8s.io/apimachinery/...", why},
		{"k8s.io/cli-runtime/...", why},
		{"k8s.io/client-go/...", why},
		{"k8s.io/cri-api/...", why},
		{"k8s.io/klog/...", why},
		{"sigs.k8s.io/...", why},
	}
}
