package preflight_test

import (
	"os"
	"testing"

	"github.com/etcd-restore/etcd-restore/pkg/node"
	"github.com/etcd-restore/etcd-restore/pkg/preflight"
	"github.com/etcd-restore/etcd-restore/pkg/schema"
)

const three = "cp1=https://10.99.0.11:2380,cp2=https://127.0.0.12:2380,cp3=https://127.0.0.13:2380"

func TestMembers(t *testing.T) {
	t.Parallel()
	plan := func(initial string) func(*testing.T, *world) {
		return func(t *testing.T, w *world) { w.request.Cluster = cluster(t, initial) }
	}
	try(t, "Members", map[string]wrong{
		"of three":        {change: func(t *testing.T, w *world) { w.old(t, three); plan(three)(t, w) }},
		"another name":    {change: plan("cp9=" + peer(address)), want: fails(`"cp1" is not in the initial cluster`)},
		"another address": {change: plan("cp1=" + peer("10.99.0.99")), want: fails("10.99.0.99"), also: []string{"EtcdCertificateSANs"}},
		"no plan":         {change: asked(func(r *preflight.Request) { r.Cluster = nil }), want: fails("has no members"), also: []string{"MembersReachable", "OldQuorum"}},
		"none can be made": {
			change: asked(func(r *preflight.Request) { r.Cluster, r.Parking, r.Unplanned = nil, "", true }), want: skips("no plan"),
			also: []string{"MembersReachable", "OldQuorum", "ManifestParking"},
		},
		"another has moved": {
			change: func(t *testing.T, w *world) {
				w.old(t, three)
				plan("cp1=https://10.99.0.11:2380,cp2=https://127.0.0.12:2380,cp3=https://127.0.0.33:2380")(t, w)
			},
			want: warnings(`member "cp3" was at ["https://127.0.0.13:2380"], the plan has it at ["https://127.0.0.33:2380"]`),
		},
	})
}

// TestMembersReachable: an address where nobody listens is one that can be reached; one
// without a route is not.
func TestMembersReachable(t *testing.T) {
	t.Parallel()
	plan := func(others string) func(*testing.T, *world) {
		return func(t *testing.T, w *world) {
			w.old(t, three)
			w.request.Cluster = cluster(t, "cp1=https://10.99.0.11:2380,"+others)
		}
	}
	try(t, "MembersReachable", map[string]wrong{
		"nobody listens": {change: plan("cp2=https://127.0.0.12:2380,cp3=https://127.0.0.13:2380")},
		"no route": {
			change: plan("cp2=https://127.0.0.12:2380,cp3=https://[100::1]:2380"),
			want:   fails("member cp3 at https://[100::1]:2380"), also: []string{"Members"},
		},
	})
}

// Invariant I6: what of the old cluster is not in the plan must not be a quorum.
func TestOldQuorum(t *testing.T) {
	t.Parallel()
	old := func(initial string, then func(*preflight.Request), learners ...string) func(*testing.T, *world) {
		return func(t *testing.T, w *world) {
			w.old(t, initial, learners...)
			then(&w.request)
		}
	}
	alone := func(*preflight.Request) {}
	gone := func(names ...string) func(*preflight.Request) {
		return func(r *preflight.Request) { r.Destroyed = names }
	}
	try(t, "OldQuorum", map[string]wrong{
		"no plan":               {change: asked(func(r *preflight.Request) { r.Cluster = nil }), want: fails("has no members"), also: []string{"Members", "MembersReachable"}},
		"alone as before":       {change: old("cp1="+peer(address), alone)},
		"alone of three":        {change: old(three, alone), want: fails(`"cp2", "cp3" of its 3 voters, as`)},
		"alone, one is gone":    {change: old(three, gone("cp2")), want: warnings(`"cp3" of the old cluster`)},
		"alone, both are gone":  {change: old(three, gone("cp2", "cp3"))},
		"alone beside learners": {change: old(three, alone, "cp2", "cp3")},
		"all three": {change: func(t *testing.T, w *world) {
			w.old(t, three)
			w.request.Cluster = cluster(t, three)
		}},
		"renamed at its address": {change: func(t *testing.T, w *world) {
			w.old(t, "cp1=https://10.99.0.11:2380,other=https://127.0.0.12:2380")
			w.request.Cluster = cluster(t, "cp1=https://10.99.0.11:2380,cp2=https://127.0.0.12:2380")
		}},
		// One node of the plan may go back, cut off from the other two, which commit.
		"three of five": {change: func(t *testing.T, w *world) {
			w.old(t, three+",cp4=https://127.0.0.14:2380,cp5=https://127.0.0.15:2380")
			w.request.Cluster = cluster(t, three)
		}, want: fails(`"cp4", "cp5" of its 5 voters`)},
		"three of five, one is gone": {change: func(t *testing.T, w *world) {
			w.old(t, three+",cp4=https://127.0.0.14:2380,cp5=https://127.0.0.15:2380")
			w.request.Cluster, w.request.Destroyed = cluster(t, three), []string{"cp5"}
		}, want: warnings(`"cp4" of the old cluster`)},
		"one of two": {change: old("cp1=https://10.99.0.11:2380,cp2=https://127.0.0.12:2380", alone), want: warnings(`"cp2" of the old cluster`)},
		"a name with control characters": {
			change: fact(func(f *node.Facts) {
				f.Data.Source.Members = []schema.Member{{ID: 1, Name: "cp1", PeerURLs: []string{peer(address)}}, {ID: 2, Name: "\x1b[2J"}, {ID: 3, PeerURLs: []string{"\r"}}}
			}),
			want: fails(`"\x1b[2J", ["\r"] of its 3 voters`),
		},
		"only the snapshot tells": {
			change: func(t *testing.T, w *world) { must(t, os.RemoveAll(w.node.Path("/var/lib/etcd"))) },
			want:   fails(`"m0" of its 1 voters, as ` /* the snapshot's name */), also: []string{"EtcdStorage", "SameFilesystem", "SnapshotOrigin"},
		},
		"nobody tells": {
			change: func(t *testing.T, w *world) {
				must(t, os.RemoveAll(w.node.Path("/var/lib/etcd")))
				must(t, os.Remove(w.snapshot))
			},
			want: warnings("is not known"),
			also: []string{"EtcdStorage", "SameFilesystem", "SnapshotIntegrity", "SnapshotVersion", "SnapshotOrigin", "Encryption", "Quota", "FreeSpace"},
		},
	})
}
