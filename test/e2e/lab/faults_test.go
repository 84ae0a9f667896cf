package lab_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/etcd-restore/etcd-restore/test/e2e/lab"
)

const manifest = `apiVersion: v1
spec:
  containers:
  - command:
    - etcd
    - --name=cp1
    image: registry.example/etcd:3.7.3-0
  volumes:
  - hostPath:
      path: /var/lib/etcd
    name: etcd-data
`

// What only looks different says the same.
func TestDisguise(t *testing.T) {
	t.Parallel()
	for name, disguised := range map[string]string{
		"comments": lab.Comment(manifest),
		"CRLF":     lab.CRLF(manifest),
		"both":     lab.CRLF(lab.Comment(manifest)),
	} {
		if disguised == manifest {
			t.Errorf("%s: nothing changed", name)
		}
		if diff := cmp.Diff(parse(t, manifest), parse(t, disguised)); diff != "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
	}
	if n := strings.Count(lab.Comment(manifest), "#"); n < 4 {
		t.Errorf("%d comments", n)
	}
}

func TestBreakImage(t *testing.T) {
	t.Parallel()
	want := strings.Replace(manifest, "3.7.3-0", "3.7.3-0-nowhere", 1)
	if diff := cmp.Diff(want, lab.BreakImage(manifest)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func parse(t *testing.T, text string) (v any) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return v
}
