package recovery_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/etcd-restore/etcd-restore/pkg/noderestore"
	"github.com/etcd-restore/etcd-restore/pkg/preflight"
	"github.com/etcd-restore/etcd-restore/pkg/recovery"
	"github.com/etcd-restore/etcd-restore/pkg/revision"
	"github.com/etcd-restore/etcd-restore/pkg/topology"
)

// TestDecode: a plan comes back as it was written, and nothing else is taken for one.
func TestDecode(t *testing.T) {
	t.Parallel()
	text, err := testPlan(t).Encode()
	if err != nil {
		t.Fatal(err)
	}
	p, err := recovery.Decode(text)
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := p.Encode(); string(again) != string(text) {
		t.Errorf("read %s\nwrote %s", text, again)
	}
	for name, change := range map[string]func(map[string]any){
		"of one node":     func(p map[string]any) { p["kind"] = noderestore.Kind },
		"later version":   func(p map[string]any) { p["apiVersion"] = "etcd-restore/v2" },
		"unknown field":   func(p map[string]any) { p["command"] = "rm -rf /" },
		"a node too few":  func(p map[string]any) { delete(p["nodes"].(map[string]any), "cp2") },
		"a node too many": func(p map[string]any) { p["nodes"].(map[string]any)["cp4"] = p["nodes"].(map[string]any)["cp1"] },
		"another cluster": func(p map[string]any) { p["decision"].(map[string]any)["clusterID"] = "1" },
		"a path as an ID": func(p map[string]any) { p["decision"].(map[string]any)["id"] = "../x" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var plan map[string]any
			if err := json.Unmarshal(text, &plan); err != nil {
				t.Fatal(err)
			}
			change(plan)
			changed, err := json.Marshal(plan)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := recovery.Decode(changed); !errors.Is(err, recovery.ErrPlan) {
				t.Errorf("taken: %v", err)
			}
		})
	}
}

// reports are those of three nodes of one cluster, each of which knows all its members.
func reports() map[string]topology.Report {
	all := map[string]topology.Report{}
	members := []topology.Member{
		{ID: "a1", Name: "cp1", PeerURLs: []string{"https://10.0.0.1:2380"}},
		{ID: "a2", Name: "cp2", PeerURLs: []string{"https://10.0.0.2:2380"}},
		{ID: "a3", Name: "cp3", PeerURLs: []string{"https://10.0.0.3:2380"}},
	}
	for _, m := range members {
		r := topology.Report{Hostname: m.Name}
		r.Etcd.Name, r.Etcd.PeerURLs, r.Etcd.Version = m.Name, m.PeerURLs, "3.6.5"
		r.Data.Path, r.Data.Members = "/var/lib/etcd", members
		all[m.Name] = r
	}
	return all
}

// oldPlan is the plan for these, made before.
func oldPlan(t *testing.T) *recovery.Plan {
	p := testPlan(t)
	p.Decision.Revision = 1000
	for _, m := range reports()["cp1"].Data.Members {
		p.Decision.Old = append(p.Decision.Old, noderestore.Voter{ID: m.ID, Name: m.Name})
	}
	return p
}

// TestStill: a plan is refused once what it rests on has changed.
func TestStill(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(*recovery.Wish)
		want   error
	}{
		"nothing":        {func(*recovery.Wish) {}, nil},
		"a node is gone": {func(w *recovery.Wish) { delete(w.Nodes, "cp3") }, noderestore.ErrChanged},
		"written beyond": {func(w *recovery.Wish) {
			r := w.Nodes["cp2"]
			r.Evidence = []revision.Evidence{{Source: "status", Revision: 1000}}
			w.Nodes["cp2"] = r
		}, revision.ErrNotCleared},
		"a member was added": {func(w *recovery.Wish) {
			r := w.Nodes["cp2"]
			r.Data.Members = append(r.Data.Members[:3:3], topology.Member{ID: "a4", Name: "cp4"})
			w.Nodes["cp2"] = r
		}, noderestore.ErrChanged},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := recovery.Wish{Nodes: reports()}
			tc.change(&w)
			if err := oldPlan(t).Still(w); !errors.Is(err, tc.want) {
				t.Errorf("error %v, want %v", err, tc.want)
			}
		})
	}
}

// TestOldQuorum: what is left out of a plan must not be able to go on by itself (I6),
// whichever membership the old cluster has had.
func TestOldQuorum(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		members   []string // as one node has them, the others have three
		destroyed []string
		want      error
	}{
		"all in the plan":                {[]string{"cp1", "cp2", "cp3"}, nil, nil},
		"one of four is elsewhere":       {[]string{"cp1", "cp2", "cp3", "cp4"}, nil, nil},
		"four of seven are elsewhere":    {[]string{"cp1", "cp2", "cp3", "cp4", "cp5", "cp6", "cp7"}, nil, preflight.ErrTwoQuorums},
		"two of these are gone for good": {[]string{"cp1", "cp2", "cp3", "cp4", "cp5", "cp6", "cp7"}, []string{"cp6", "cp7"}, nil},
		// One node of the plan may go back, cut off from the other two, which commit.
		"two of five are elsewhere":     {[]string{"cp1", "cp2", "cp3", "cp4", "cp5"}, nil, preflight.ErrTwoQuorums},
		"one of these is gone for good": {[]string{"cp1", "cp2", "cp3", "cp4", "cp5"}, []string{"cp5"}, nil},
		"three of six are elsewhere":    {[]string{"cp1", "cp2", "cp3", "cp4", "cp5", "cp6"}, nil, preflight.ErrTwoQuorums},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := recovery.Wish{Nodes: reports()}
			r := w.Nodes["cp1"]
			r.Data.Members = nil
			p := oldPlan(t)
			p.Decision.Old, p.Decision.Destroyed = nil, tc.destroyed
			for _, name := range tc.members {
				id := strings.Replace(name, "cp", "a", 1)
				r.Data.Members = append(r.Data.Members, topology.Member{ID: id, Name: name})
				p.Decision.Old = append(p.Decision.Old, noderestore.Voter{ID: id, Name: name})
			}
			w.Nodes["cp1"] = r
			if err := p.Still(w); !errors.Is(err, tc.want) {
				t.Errorf("error %v, want %v", err, tc.want)
			}
		})
	}
}
