package kubediff

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/etcd-restore/etcd-restore/pkg/kubeobject"
)

// memory is a state by key. It counts the values that are read.
type memory struct {
	records map[string]record
	read    *int
}

type record struct {
	create, mod int64
	value       string
}

func newMemory() memory { return memory{map[string]record{}, new(int)} }

func (m memory) All() iter.Seq[kubeobject.Entry] {
	layout := kubeobject.NewLayout("/registry")
	return func(yield func(kubeobject.Entry) bool) {
		for _, key := range slices.Sorted(maps.Keys(m.records)) {
			r := m.records[key]
			if !yield(kubeobject.Entry{Path: layout.Path(key), Key: key, Create: r.create, Mod: r.mod, Size: int64(len(r.value)) + 50}) {
				return
			}
		}
	}
}

func (m memory) Value(e kubeobject.Entry, visit func([]byte) error) error {
	*m.read++
	return visit([]byte(m.records[e.Key].value))
}

func (m memory) Object(e kubeobject.Entry) (*unstructured.Unstructured, error) {
	return kubeobject.Decoder{}.Object(e.Key, []byte(m.records[e.Key].value), m.records[e.Key].mod)
}

func configMap(name string, value int) string {
	return fmt.Sprintf(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":%q},"data":{"a":"%d"}}`, name, value)
}

func changes(t *testing.T, a, b State, o Options) (list []string) {
	t.Helper()
	if err := Compare(t.Context(), a, b, o, func(c Change) error {
		list = append(list, fmt.Sprint(c.Op, " ", c.Key, " ", c.Noise, " ", len(c.Fields)))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return list
}

// TestCompare takes random histories of two sides that were one, and asks what it has
// found of what was done to them.
func TestCompare(t *testing.T) {
	t.Parallel()
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 1))
		a, b := newMemory(), newMemory()
		var want []string
		same := 0
		for i := range 40 {
			key := fmt.Sprintf("/registry/configmaps/default/%02d", i)
			was := record{int64(i), int64(i), configMap(key, i)}
			now := record{int64(i), int64(100 + i), configMap(key, i+1)}
			switch rng.IntN(6) {
			case 0:
				a.records[key] = was
				want = append(want, "restore "+key+" false 0")
			case 1:
				b.records[key] = now
				want = append(want, "remove "+key+" false 0")
			case 2:
				a.records[key], b.records[key] = was, now
				want = append(want, "change "+key+" false 1")
			case 3: // written anew as it was
				now.value = was.value
				a.records[key], b.records[key] = was, now
			case 4: // deleted and made again at another revision
				now.create = now.mod
				a.records[key], b.records[key] = was, now
				want = append(want, "change "+key+" false 1")
			default:
				a.records[key], b.records[key] = was, was
				same++
			}
		}
		if diff := cmp.Diff(want, changes(t, a, b, Options{Fields: true})); diff != "" {
			t.Errorf("seed %d: %s", seed, diff)
		}
		if most := 40 - same; *a.read > most {
			t.Errorf("seed %d: %d values were read, at most %d had to be", seed, *a.read, most)
		}
		if got := changes(t, a, a, Options{}); got != nil {
			t.Errorf("seed %d: it differs from itself: %v", seed, got)
		}
	}
}

func TestCompareSpecialThings(t *testing.T) {
	t.Parallel()
	a, b := newMemory(), newMemory()
	both := func(key, was, now string) {
		a.records[key], b.records[key] = record{1, 1, was}, record{1, 2, now}
	}
	node := `{"apiVersion":"v1","kind":"Node","metadata":{"name":"n"},"status":{"conditions":[{"type":"Ready","lastHeartbeatTime":%q}]}}`
	service := `{"apiVersion":"v1","kind":"Service","metadata":{"name":"n"},"spec":{"type":"LoadBalancer","x":%d}}`
	both("/registry/events/default/e", "{}", "{ }")
	both("/registry/minions/n", fmt.Sprintf(node, "1"), fmt.Sprintf(node, "2"))
	both("/registry/services/specs/default/s", fmt.Sprintf(service, 1), fmt.Sprintf(service, 2))
	both("/registry/secrets/default/sealed", "k8s:enc:aescbc:v1:a:1", "k8s:enc:aescbc:v1:b:2")
	both("/registry/configmaps/default/broken", "k8s\x00\x0a\xff", "k8s\x00\x0a\xfe")
	both("compact_rev_key", "1", "2")
	a.records["/registry/services/specs/default/gone"] = record{1, 1, fmt.Sprintf(service, 1)}
	a.records["/registry/persistentvolumes/pv"] = record{1, 1, "{}"}
	b.records["/registry/minions/later"] = record{1, 1, "{}"}
	var tally Tally
	var errs int
	got := map[string]Change{}
	if err := Compare(t.Context(), a, b, Options{Fields: true}, func(c Change) error {
		tally.Add(c)
		got[c.Resource.String()+"/"+c.Name] = c
		if c.Err != nil {
			errs++
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if !got["events/e"].Noise || !got["nodes/n"].Noise || got["services/s"].Noise || !got["services/s"].LoadBalancer || !got["services/gone"].LoadBalancer {
		t.Errorf("%+v", got)
	}
	if !errors.Is(got["secrets/sealed"].Err, kubeobject.ErrEncrypted) || got["configmaps/broken"].Err == nil || errs != 2 || len(got) != 8 {
		t.Errorf("%d errors: %+v", errs, got)
	}
	if total := tally.Total(); (total != Counts{Restore: 2, Remove: 1, Alter: 3, Noise: 2}) {
		t.Errorf("%+v", total)
	}
	if w := tally.Warnings(); len(w) != 3 {
		t.Errorf("%q", w)
	}
	some := Options{Wanted: func(p kubeobject.Path) bool { return p.Resource.Resource == "nodes" }}
	if got := changes(t, a, b, some); len(got) != 2 {
		t.Errorf("%v", got)
	}
}

func TestCompareStops(t *testing.T) {
	t.Parallel()
	a := newMemory()
	a.records["/registry/pods/a/b"] = record{1, 1, "{}"}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Compare(ctx, a, newMemory(), Options{}, func(Change) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	enough := errors.New("enough")
	if err := Compare(t.Context(), a, newMemory(), Options{}, func(Change) error { return enough }); !errors.Is(err, enough) {
		t.Error(err)
	}
}
