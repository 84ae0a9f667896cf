package noderestore

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A plan that was written is the plan that is read.
func TestEncodeDecode(t *testing.T) {
	t.Parallel()
	for _, mode := range []Mode{ModeManifest, ModeSwap} {
		plan := newWorld(t, "kubeadm-1.37.yaml", single).plan(t, mode)
		text, err := plan.Encode()
		must(t, err)
		got, err := Decode(text)
		must(t, err)
		if diff := cmp.Diff(plan, got); diff != "" {
			t.Error(diff)
		}
		if !IsPlan(text) || !IsPlan([]byte("apiVersion: x")) || IsPlan([]byte("\x00\x00\x00\x00")) || IsPlan(nil) {
			t.Error("a plan is not told from a snapshot")
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	plan := newWorld(t, "kubeadm-1.37.yaml", single).plan(t, ModeManifest)
	text, err := plan.Encode()
	must(t, err)
	for name, tc := range map[string][2]string{
		"unknown field":             {`"kind"`, `"later": 1, "kind"`},
		"unknown field of the node": {`"member"`, `"commands": ["rm"], "member"`},
		"another kind":              {Kind, "ClusterPlan"},
		"another version":           {APIVersion, "etcd-restore/v2"},
		"another token":             {plan.Decision.Token, plan.Decision.Token + "0"},
		"another URL":               {"10.99.0.11:2380", "10.99.0.12:2380"},
		"another cluster":           {plan.Decision.ClusterID, "1" + plan.Decision.ClusterID},
		"an ID that is a path":      {`"id": "` + plan.Decision.ID, `"id": "../../` + plan.Decision.ID},
		"no ID":                     {`"id": "` + plan.Decision.ID, `"id": "`},
		"an unknown mode":           {`"mode": "manifest"`, `"mode": "move"`},
		"no members":                {plan.Decision.InitialCluster, ""},
		"a type that does not fit":  {`"restoredRevision": `, `"restoredRevision": "x", "x": `},
		"more behind it":            {"}\n", "}\n{}\n"},
		"cut off":                   {"}\n", ""},
		"nothing":                   {string(text), ""},
		"no JSON":                   {string(text), "apiVersion: x"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			changed := string(text)
			if strings.HasPrefix(tc[0], "}") {
				changed = strings.TrimSuffix(changed, tc[0]) + tc[1]
			} else {
				changed = strings.Replace(changed, tc[0], tc[1], 1)
			}
			if changed == string(text) {
				t.Fatal("nothing was changed")
			}
			if _, err := Decode([]byte(changed)); !errors.Is(err, ErrPlan) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// Nodes do the same if and only if their decision is the same, wherever the snapshot
// is.
func TestDigest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "kubeadm-1.37.yaml", three)
	wish := w.wish(ModeManifest)
	wish.Members = strings.Split(three, ",")[1:2]
	wish.Destroyed = []string{"cp3"}
	plan, err := Make(t.Context(), w.facts, wish)
	must(t, err)
	want, err := plan.Decision.Digest()
	must(t, err)

	text, err := json.Marshal(plan.Decision)
	must(t, err)
	var tree map[string]any
	must(t, json.Unmarshal(text, &tree))
	var same []string
	for path, change := range leaves(tree, "") {
		restore := change()
		text, err := json.Marshal(tree)
		must(t, err)
		var d Decision
		must(t, json.Unmarshal(text, &d))
		got, err := d.Digest()
		must(t, err)
		if got == want {
			same = append(same, path)
		}
		restore()
	}
	slices.Sort(same)
	if diff := cmp.Diff([]string{".snapshot.fileTime", ".snapshot.path"}, same); diff != "" {
		t.Errorf("does not matter: %s", diff)
	}
	if again, err := plan.Decision.Digest(); again != want || err != nil {
		t.Errorf("it changed by itself: %v", err)
	}
}

// leaves are all values of a tree of JSON, with a function that changes each and
// returns one that takes that back.
func leaves(tree map[string]any, path string) map[string]func() func() {
	all := map[string]func() func(){}
	for key, value := range tree {
		name := path + "." + key
		set := func(other any) func() func() {
			return func() func() { tree[key] = other; return func() { tree[key] = value } }
		}
		switch v := value.(type) {
		case map[string]any:
			maps.Copy(all, leaves(v, name))
		case []any:
			all[name] = set(v[:len(v)-1])
		case string:
			all[name] = set(v + "1")
			if strings.HasSuffix(v, "Z") { // a time
				all[name] = set("2020-01-01T00:00:00Z")
			}
		case float64:
			all[name] = set(v + 1)
		case bool:
			all[name] = set(!v)
		default:
			panic(fmt.Sprintf("%s: %T", name, value))
		}
	}
	return all
}
