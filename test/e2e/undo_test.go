//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/etcd-restore/etcd-restore/test/schematest"
)

// makeMarket makes a namespace with a workload on a volume, and what it needs; a custom
// resource owns a ConfigMap.
func (s *scene) makeMarket(t *testing.T) {
	t.Helper()
	text, err := os.ReadFile("testdata/market.yaml")
	must(t, err)
	s.node.Write(t, "/root/market.yaml", []byte(strings.ReplaceAll(string(text), "IMAGE", s.node.Image(t, "pause"))), 0o600)
	s.kubectl(t, "apply", "-f", "/root/market.yaml")
	s.node.Write(t, "/root/big.yaml", []byte(`{apiVersion: example.com/v1, kind: Widget, metadata: {name: big, namespace: market}, spec: {size: 70}}`), 0o600)
	s.kubectl(t, "apply", "-f", "/root/big.yaml")
	s.node.Write(t, "/root/part.yaml", []byte(fmt.Sprintf(`{apiVersion: v1, kind: ConfigMap, data: {of: big}, metadata: {name: part, namespace: market, `+
		`ownerReferences: [{apiVersion: example.com/v1, kind: Widget, name: big, uid: %s}]}}`, s.uid(t, "widget/big"))), 0o600)
	s.kubectl(t, "apply", "-f", "/root/part.yaml")
	s.kubectl(t, "patch", "serviceaccount", "default", "-n", "market", "-p", `{"imagePullSecrets":[{"name":"pull"}]}`)
	s.eventually(t, s.marketOpen)
}

// marketOpen is an error unless what is in the namespace runs.
func (s *scene) marketOpen(ctx context.Context) error {
	for what, want := range map[string]string{"deployment/stall": "1", "persistentvolumeclaim/shelf": "Bound", "pod/lone": "Running", "secret/seller-token": "seller"} {
		r, err := s.node.Try(ctx, "kubectl", kubeconfig, "get", what, "-n", "market", "-o", "go-template={{with .status}}{{with .readyReplicas}}{{.}}{{end}}{{with .phase}}{{.}}{{end}}{{end}}"+
			`{{with .data}}{{if .token}}{{index $.metadata.annotations "kubernetes.io/service-account.name"}}{{end}}{{end}}`)
		if err == nil && r.Stdout != want {
			err = fmt.Errorf("%s: %q, want %q: %s", what, r.Stdout, want, r.Stderr)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *scene) uid(t *testing.T, object string) string {
	t.Helper()
	return s.kubectl(t, "get", object, "-n", "market", "-o", "jsonpath={.metadata.uid}")
}

// marketFacts are what a user has said about the objects, without what the cluster adds.
func (s *scene) marketFacts(t *testing.T) map[string]any {
	t.Helper()
	facts := map[string]any{}
	text := s.kubectl(t, "get", "cm,secret,sa,role,rolebinding,deploy,rs,pvc,widgets", "-n", "market", "-o", "json")
	var list struct{ Items []map[string]any }
	must(t, json.Unmarshal([]byte(text), &list))
	for _, o := range list.Items {
		meta, _ := o["metadata"].(map[string]any)
		if o["type"] == "kubernetes.io/service-account-token" {
			delete(o, "data") // made anew
		}
		facts[fmt.Sprint(o["apiVersion"], o["kind"], meta["name"])] = []any{meta["labels"], o["spec"], o["data"], o["rules"], o["subjects"], o["imagePullSecrets"]}
	}
	return facts
}

// testUndone deletes the namespace and the kind of the custom resources, gives the
// address of its Service to another, and undoes that.
func (s *scene) testUndone(t *testing.T) {
	want := s.marketFacts(t)
	address := s.kubectl(t, "get", "service/stall", "-n", "market", "-o", "jsonpath={.spec.clusterIP}")
	s.kubectl(t, "delete", "namespace", "market", "--timeout=3m")
	s.kubectl(t, "delete", "crd", "widgets.example.com", "--timeout=2m")
	s.kubectl(t, "create", "service", "clusterip", "squatter", "-n", "shop", "--clusterip", address, "--tcp=80")

	undo := []string{plugin, "undo", snapshot, "namespaces/market", kubeconfig}
	planned := s.node.Must(t, undo...)
	for _, line := range []string{"+ namespaces/market\n", "+ customresourcedefinitions.apiextensions.k8s.io/widgets.example.com\n", "its volume shelf is kept", "its ReplicaSet makes it again", "Nothing was changed."} {
		if !strings.Contains(planned, line) {
			t.Errorf("no %q in\n%s", line, planned)
		}
	}
	if r := s.node.Run(t, "kubectl", kubeconfig, "get", "namespace", "market"); r.Code == 0 {
		t.Fatal("a dry run has made the namespace")
	}

	said := s.node.Must(t, append(undo, "--yes")...)
	if !strings.Contains(said, "its address or port is somebody else's now") {
		t.Errorf("it said\n%s", said)
	}
	s.eventually(t, s.marketOpen)
	requireEqual(t, "the objects", want, s.marketFacts(t))
	owner := s.kubectl(t, "get", "cm/part", "-n", "market", "-o", "jsonpath={.metadata.ownerReferences[0].uid}")
	requireEqual(t, "the owner", s.uid(t, "widget/big"), owner)
	sets := s.kubectl(t, "get", "rs", "-n", "market", "-o", "jsonpath={.items[*].metadata.ownerReferences[0].uid}")
	requireEqual(t, "the owners of ReplicaSets", s.uid(t, "deployment/stall"), sets)

	t.Run("again", func(t *testing.T) {
		requireActions(t, s.undo(t, "namespaces/market", "--yes"), "create", "fail")
	})
	t.Run("a change", func(t *testing.T) {
		s.kubectl(t, "patch", "cm/settings", "-n", "market", "-p", `{"data":{"colour":"red"}}`)
		one := []string{"cm/settings", "-n", "market", "-l", "app=stall", "--yes"}
		requireActions(t, s.undo(t, one...), "create", "replace", "fail", "same")
		requireEqual(t, "the colour", "red", s.colour(t))
		requireActions(t, s.undo(t, append(one, "--force")...), "create", "conflict", "fail", "same")
		requireEqual(t, "the colour", "green", s.colour(t))
	})
	t.Run("changes of what lives", func(t *testing.T) {
		objects := []string{"pod/lone", "service/stall", "deployment/stall", "pvc/shelf", "pv/shelf", "secret/seller-token", "widget/big"}
		token := s.kubectl(t, "get", "secret/seller-token", "-n", "market", "-o", "jsonpath={.data.token}")
		s.kubectl(t, slices.Concat([]string{"label", "-n", "market"}, objects, []string{"changed=yes"})...)
		requireActions(t, s.undo(t, append(objects, "-n", "market", "--force", "--yes")...), "create", "conflict", "fail", "same", "leave")
		for _, o := range objects {
			if got := s.kubectl(t, "get", o, "-n", "market", "-o", "jsonpath={.metadata.labels.changed}"); got != "" {
				t.Errorf("%s is still changed", o)
			}
		}
		must(t, s.marketOpen(t.Context()))
		requireEqual(t, "the volume", "Bound", s.kubectl(t, "get", "pv/shelf", "-o", "jsonpath={.status.phase}"))
		requireEqual(t, "the token", token, s.kubectl(t, "get", "secret/seller-token", "-n", "market", "-o", "jsonpath={.data.token}"))
	})
	t.Run("while it is being deleted", func(t *testing.T) {
		s.kubectl(t, "patch", "cm/settings", "-n", "market", "-p", `{"metadata":{"finalizers":["example.com/wait"]}}`)
		s.kubectl(t, "delete", "namespace", "market", "--wait=false")
		s.eventually(t, func(ctx context.Context) error {
			r, err := s.node.Try(ctx, "kubectl", kubeconfig, "get", "cm/settings", "-n", "market", "-o", "jsonpath={.metadata.deletionTimestamp}")
			if err == nil && r.Stdout == "" {
				err = errors.New("not being deleted yet")
			}
			return err
		})
		r := s.node.Run(t, append(undo, "--yes", "-o", "json")...)
		requireCode(t, stuck, r)
		requireActions(t, r.Stdout, "create", "replace", "same", "conflict")
		s.kubectl(t, "patch", "cm/settings", "-n", "market", "--type=json", "-p", `[{"op":"remove","path":"/metadata/finalizers"}]`)
	})
}

func (s *scene) colour(t *testing.T) string {
	t.Helper()
	return s.kubectl(t, "get", "cm/settings", "-n", "market", "-o", "jsonpath={.data.colour}")
}

// undo returns its report.
func (s *scene) undo(t *testing.T, args ...string) string {
	t.Helper()
	return s.node.Must(t, append([]string{plugin, "undo", snapshot, kubeconfig, "-o", "json"}, args...)...)
}

// requireActions wants at least one object in a report, and none with these actions.
func requireActions(t *testing.T, report string, none ...string) {
	t.Helper()
	var r struct {
		Objects []struct{ Action, Resource, Name, Reason string }
	}
	schematest.Require(t, "Undo", report)
	must(t, json.Unmarshal([]byte(report), &r))
	if len(r.Objects) == 0 {
		t.Error("no objects")
	}
	for _, o := range r.Objects {
		for _, a := range none {
			if o.Action == a {
				t.Errorf("%s %s: %s %s", o.Action, o.Resource, o.Name, o.Reason)
			}
		}
	}
}
