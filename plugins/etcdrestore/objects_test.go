package etcdrestore_test

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	clientv3 "go.etcd.io/etcd/client/v3"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"

	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// shop is a snapshot of the etcd of a small cluster, and what it was taken from.
func shop(t *testing.T) (file string, client *clientv3.Client) {
	t.Helper()
	c := etcdtest.New(t, etcdtest.Config{Version: etcdtest.V37})
	c.Start(t)
	client = c.Client(t)
	put := func(key, value string) {
		t.Helper()
		if _, err := client.Put(t.Context(), key, value); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(filepath.Join("testdata", "objects", "shop.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for object := range strings.SplitSeq(string(text), "\n---\n") {
		_, below, _ := strings.Cut(object, "# /")
		key, _, _ := strings.Cut(below, "\n")
		put("/"+key, stored(t, object))
	}
	crd := `{"kind":"CustomResourceDefinition","apiVersion":"apiextensions.k8s.io/v1","metadata":{"name":"widgets.example.com"},
		"spec":{"group":"example.com","names":{"plural":"widgets","singular":"widget","kind":"Widget","shortNames":["wd"]}}}`
	put("/registry/apiextensions.k8s.io/customresourcedefinitions/widgets.example.com", crd)
	put("/registry/example.com/widgets/shop/small", `{"kind":"Widget","apiVersion":"example.com/v1","metadata":{"name":"small","namespace":"shop","uid":"u-w","labels":{"app":"web"},"creationTimestamp":"2026-01-02T00:00:00Z"},"spec":{"size":7}}`)
	put("/registry/secrets/shop/sealed", "k8s:enc:aescbc:v1:key1:\x01\x02\x03")
	put("/registry/pods/shop/broken", "k8s\x00\x0a\xff")
	put("/registry/pods/shop/foreign\x1b[31m", "\xff\xfe")
	put("/registry/masterleases/10.0.0.1", "k8s\x00")
	put("compact_rev_key", "7")
	r, err := client.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "snapshot.db")
	if err := os.WriteFile(file, b, 0o400); err != nil {
		t.Fatal(err)
	}
	return file, client
}

// stored is an object as an API server stores it.
func stored(t *testing.T, text string) string {
	t.Helper()
	o, gvk, err := scheme.Codecs.UniversalDeserializer().Decode([]byte(text), nil, nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	o.GetObjectKind().SetGroupVersionKind(*gvk)
	var b bytes.Buffer
	if err := protobuf.NewSerializer(scheme.Scheme, scheme.Scheme).Encode(o, &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// squeezed is a table in which columns are one space apart, ages left out.
func squeezed(text string) (rows []string) {
	for line := range strings.Lines(text) {
		rows = append(rows, strings.Join(strings.Fields(line), " "))
	}
	return rows
}

func TestLsAndGet(t *testing.T) {
	t.Parallel()
	file, client := shop(t)
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("verbs", func(t *testing.T) {
		t.Run("ls", func(t *testing.T) { t.Parallel(); testLs(t, file) })
		t.Run("ls of resources", func(t *testing.T) { t.Parallel(); testLsResources(t, file) })
		t.Run("ls at a revision", func(t *testing.T) { t.Parallel(); testLsRevision(t, file) })
		t.Run("get", func(t *testing.T) { t.Parallel(); testGet(t, file, client) })
		t.Run("get of secrets", func(t *testing.T) { t.Parallel(); testGetSecrets(t, file) })
		t.Run("get for apply", func(t *testing.T) { t.Parallel(); testGetForApply(t, file) })
		t.Run("credentials that never come", func(t *testing.T) { t.Parallel(); testHangs(t, file) })
		t.Run("completion", func(t *testing.T) { t.Parallel(); testComplete(t, file) })
		t.Run("mistakes", func(t *testing.T) { t.Parallel(); testObjectMistakes(t, file) })
	})
	after, err := os.ReadFile(file) // I1
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("the snapshot has changed: %v", err)
	}
}

func testLs(t *testing.T, file string) {
	for args, want := range map[string][]string{
		"nodes":                  {"NAME AGE", "n1"},
		"no -n elsewhere":        {"NAME AGE", "n1"},
		"Pod -n shop -l !app":    {},
		"po -l app=web":          {"NAMESPACE NAME AGE", "shop web-1-a"},
		"deployments.apps":       {"NAMESPACE NAME AGE", "shop web"},
		"deploy,rs":              {"RESOURCE NAMESPACE NAME AGE", "deployments.apps shop web", "replicasets.apps shop web-1"},
		"wd":                     {"NAMESPACE NAME AGE", "shop small"},
		"widgets.example.com -A": {"NAMESPACE NAME AGE", "shop small"},
		"pods": {
			"NAMESPACE NAME AGE NOTE", "kube-system web-1-a", "shop broken ? the object is damaged: unexpected EOF",
			"shop foreign[31m ? not a Kubernetes object", "shop web-1-a",
		},
		"secrets":            {"NAMESPACE NAME AGE NOTE", "shop sealed ? encrypted: aescbc, key key1", "shop token"},
		"masterleases":       {"NAME AGE NOTE", "10.0.0.1 ? not a Kubernetes object"},
		"po -o name -n shop": {"pods/broken", "pods/foreign[31m", "pod/web-1-a"},
		"deploy -o name":     {"deployment.apps/web"},
		"po --sort-by age":   {"NAMESPACE NAME AGE NOTE", "kube-system web-1-a", "shop web-1-a", "shop broken ? the object is damaged: unexpected EOF", "shop foreign[31m ? not a Kubernetes object"},
	} {
		got := run(t, append([]string{"ls", file}, strings.Fields(args)...)...)
		if got.code != 0 {
			t.Errorf("%s: %+v", args, got)
			continue
		}
		checkPage(t, got.out)
		rows := squeezed(got.out)
		for i, row := range rows { // the age is at the end
			if fields := strings.Fields(row); i > 0 && strings.HasSuffix(row, "d") && !strings.Contains(row, "?") {
				rows[i] = strings.Join(fields[:len(fields)-1], " ")
			}
		}
		if diff := cmp.Diff(want, append([]string{}, rows...)); diff != "" {
			t.Errorf("%s: -want +got\n%s", args, diff)
		}
	}
	if got := run(t, "ls", file, "po", "-l", "app=web"); !strings.Contains(got.err, "2 values left out") {
		t.Errorf("%+v", got)
	}
	var list struct {
		Kind  string
		Items []struct {
			Name, Error string
			Labels      map[string]string
			Encryption  *struct{ Provider, Key string }
		}
	}
	got := run(t, "ls", file, "secrets", "-o", "json")
	if err := json.Unmarshal([]byte(got.out), &list); err != nil || list.Kind != "SnapshotObjects" || len(list.Items) != 2 ||
		list.Items[0].Encryption == nil || list.Items[0].Encryption.Key != "key1" || list.Items[1].Error != "" {
		t.Errorf("%v: %+v", err, got)
	}
}

func testLsResources(t *testing.T, file string) {
	got := run(t, "ls", file, "--sort-by", "name")
	checkPage(t, got.out)
	rows := squeezed(got.out)
	want := []string{
		"RESOURCE OBJECTS SIZE HISTORY SIZE", "customresourcedefinitions.apiextensions.k8s.io 1 339 B 0 0 B",
		"deployments.apps 1 410 B 0 0 B", "jobs.batch 1 384 B 0 0 B",
	}
	if got.code != 0 || len(rows) < 4 {
		t.Fatalf("%+v", got)
	}
	if diff := cmp.Diff(want, rows[:4]); diff != "" {
		t.Errorf("-want +got\n%s\n%s", diff, got.out)
	}
	if !strings.Contains(got.out, "\ntotal ") || !strings.Contains(got.out, "\nrevision 18") {
		t.Error(got.out)
	}
	if got := run(t, "ls", file, "-o", "name"); !strings.Contains(got.out, "nodes\n") || strings.Contains(got.out, "other") {
		t.Errorf("%+v", got)
	}
	var list struct {
		Kind     string
		Revision int64
		Items    []struct{ Resource string }
		Total    struct{ Objects int }
	}
	got = run(t, "ls", file, "-o", "yaml")
	if err := yaml.Unmarshal([]byte(got.out), &list); err != nil || list.Kind != "SnapshotResources" || list.Total.Objects != 17 {
		t.Errorf("%v: %+v", err, got)
	}
}

func testLsRevision(t *testing.T, file string) {
	got := run(t, "ls", file, "po", "--revision", "5", "-o", "name")
	if got.out != "pod/web-1-a\n" || got.code != 0 {
		t.Errorf("%+v", got)
	}
	for revision, want := range map[string]string{"1000": "revision lies in the future", "-3": "must not be negative"} {
		if got := run(t, "ls", file, "po", "--revision", revision); got.code != 2 || !strings.Contains(got.err, want) || !strings.Contains(got.err, "hint: ") {
			t.Errorf("%+v", got)
		}
	}
}

func testGet(t *testing.T, file string, client *clientv3.Client) {
	got := run(t, "get", file, "deploy/web")
	var o map[string]any
	if err := yaml.Unmarshal([]byte(got.out), &o); err != nil || got.code != 0 {
		t.Fatalf("%+v", got)
	}
	meta := o["metadata"].(map[string]any)
	if o["kind"] != "Deployment" || meta["uid"] != "u-deploy" || meta["resourceVersion"] != "3" || meta["managedFields"] != nil || o["status"] == nil {
		t.Error(got.out)
	}
	if got := run(t, "get", file, "deploy/web", "--show-managed-fields"); !strings.Contains(got.out, "managedFields") {
		t.Error(got.out)
	}
	for _, tc := range []struct{ args, want string }{
		{"deployment web -n shop -o jsonpath={.spec.replicas}", "2"},
		{"deployments.apps web -o name", "deployment.apps/web\n"},
		{"wd small -o jsonpath={.spec.size}", "7"},
		{"wd -o jsonpath={.items[*].metadata.name}", "small"},
		{"po web-1-a -n kube-system -o jsonpath={.metadata.uid}", "u-pod-2"},
		{"no n1 -n shop -o go-template={{.kind}}", "Node"},
	} {
		if got := run(t, append([]string{"get", file}, strings.Fields(tc.args)...)...); got.out != tc.want || got.code != 0 || got.err != "" {
			t.Errorf("%s: %+v", tc.args, got)
		}
	}
	resp, err := client.Get(t.Context(), "/registry/deployments/shop/web")
	if err != nil {
		t.Fatal(err)
	}
	if got := run(t, "get", file, "deploy/web", "-o", "raw"); got.out != string(resp.Kvs[0].Value) {
		t.Errorf("%+v", got)
	}
	got = run(t, "get", file, "pods", "-o", "json")
	var list struct {
		Kind  string
		Items []any
	}
	if err := json.Unmarshal([]byte(got.out), &list); err != nil || list.Kind != "List" || len(list.Items) != 2 || strings.Count(got.err, "note: left out") != 2 {
		t.Errorf("%v: %+v", err, got)
	}
	checkPage(t, strings.ReplaceAll(got.err, "note: left out ", ""))
}

func testGetSecrets(t *testing.T, file string) {
	const secret = "c2VjcmV0"
	for _, args := range []string{"secret/token", "secrets -o json", "secret/token -o jsonpath={.data}"} {
		got := run(t, append([]string{"get", file}, strings.Fields(args)...)...)
		if got.code != 0 || strings.Contains(got.out, secret) || !strings.Contains(got.out, "*** (6 bytes)") || !strings.Contains(got.err, "--show-secrets") { // I10
			t.Errorf("%s: %+v", args, got)
		}
		got = run(t, append([]string{"get", file, "--show-secrets"}, strings.Fields(args)...)...)
		if got.code != 0 || !strings.Contains(got.out, secret) || strings.Contains(got.err, "--show-secrets") {
			t.Errorf("%s: %+v", args, got)
		}
	}
	for _, args := range []string{"secret/token -o raw", "secret/token --for-apply", "secrets --for-apply"} {
		got := run(t, append([]string{"get", file}, strings.Fields(args)...)...)
		if got.code != 6 || got.out != "" || !strings.Contains(got.err, "hint: add --show-secrets") {
			t.Errorf("%s: %+v", args, got)
		}
	}
	if got := run(t, "get", file, "secret/sealed"); got.code != 1 || !strings.Contains(got.err, `encrypted by aescbc with key "key1"`) {
		t.Errorf("%+v", got)
	}
	if got := run(t, "get", file, "secret/sealed", "-o", "raw"); got.code != 0 || !strings.HasPrefix(got.out, "k8s:enc:aescbc:v1:key1:") {
		t.Errorf("%+v", got)
	}
}

func testGetForApply(t *testing.T, file string) {
	for object, want := range map[string]string{
		"deploy/web": `
apiVersion: apps/v1
kind: Deployment
metadata:
  annotations: {team: sales}
  labels: {app: web}
  name: web
  namespace: shop
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  strategy: {}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{image: web:1, name: web, resources: {}}]}`,
		"po/web-1-a -n shop": `
apiVersion: v1
kind: Pod
metadata:
  labels: {app: web}
  name: web-1-a
  namespace: shop
  ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web-1, uid: u-rs}]
spec: {containers: [{image: web:1, name: web, resources: {}}]}`,
		"job/once": `
apiVersion: batch/v1
kind: Job
metadata: {name: once, namespace: shop}
spec:
  template:
    metadata: {labels: {job-name: once}}
    spec: {containers: [{image: once:1, name: once, resources: {}}], restartPolicy: Never}`,
		"pvc/disk": `
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: disk, namespace: shop}
spec: {resources: {}, volumeName: pv-1}`,
		"pv/pv-1": `
apiVersion: v1
kind: PersistentVolume
metadata: {name: pv-1}
spec: {claimRef: {apiVersion: v1, kind: PersistentVolumeClaim, name: disk, namespace: shop}}`,
		"secret/token --show-secrets": `
apiVersion: v1
data: {key: c2VjcmV0}
kind: Secret
metadata: {name: token, namespace: shop}
type: Opaque`,
	} {
		got := run(t, append([]string{"get", file, "--for-apply"}, strings.Fields(object)...)...)
		var o, wanted map[string]any
		if err := yaml.Unmarshal([]byte(got.out), &o); err != nil || got.code != 0 {
			t.Fatalf("%v, %+v", err, got)
		}
		if err := yaml.Unmarshal([]byte(want), &wanted); err != nil {
			t.Fatal(err)
		}
		// This release of the types has them, the API server drops them.
		if owners, ok := o["metadata"].(map[string]any)["ownerReferences"].([]any); ok {
			for _, ref := range owners {
				delete(ref.(map[string]any), "controller")
				delete(ref.(map[string]any), "blockOwnerDeletion")
			}
		}
		if diff := cmp.Diff(wanted, o); diff != "" {
			t.Errorf("%s: -want +got\n%s", object, diff)
		}
	}
}

func testObjectMistakes(t *testing.T, file string) {
	for _, tc := range []struct {
		args string
		code int
		want string
	}{
		{"ls", 2, "SNAPSHOT is missing"},
		{"ls FILE a b", 2, "got 3 arguments"},
		{"ls FILE -n shop", 2, "are for the objects of a RESOURCE"},
		{"ls FILE po -n a -A", 2, "exclude each other"},
		{"ls FILE po -l a==", 0, ""},
		{"ls FILE po -l =a", 2, "--selector"},
		{"ls FILE po -o fancy", 2, "--output must be one of"},
		{"ls FILE po --sort-by count", 2, "--sort-by must be one of name, size, age here"},
		{"ls FILE gadgets", 2, `no such resource: "gadgets"`},
		{"get FILE", 2, "RESOURCE is missing"},
		{"get FILE po a b", 2, "got 4 arguments"},
		{"get FILE po/nobody", 1, `not found: pods "nobody", at revision 18`},
		{"get FILE po/web-1-a", 2, "is in several namespaces: kube-system, shop"},
		{"get FILE po/broken", 5, "/registry/pods/shop/broken: the object is damaged"},
		{"get FILE masterleases/10.0.0.1", 5, "the object is damaged"},
		{"get FILE po/web-1-a -n shop -o fancy", 2, `unable to match a printer`},
		{"get FILE po -o raw", 2, "NAME is missing"},
		{"get FILE po/x -o raw --for-apply", 2, "--for-apply changes"},
		{"get FILE po,svc x", 2, "one RESOURCE expected"},
		{"ls /nowhere/snapshot.db", 1, "no such file"},
	} {
		got := run(t, strings.Fields(strings.ReplaceAll(tc.args, "FILE", file))...)
		if got.code != tc.code || !strings.Contains(got.err, tc.want) || tc.code == 2 && !strings.Contains(got.err, "hint: ") {
			t.Errorf("%s: %+v", tc.args, got)
		}
	}
	// With -o json the error is JSON too.
	got := run(t, "ls", file, "gadgets", "-o", "json")
	if !json.Valid([]byte(got.err)) || got.code != 2 {
		t.Errorf("%+v", got)
	}
}
