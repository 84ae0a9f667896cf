//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

// bazaar is a namespace with a setting and somebody who needs it.
const bazaar = `apiVersion: v1
kind: Namespace
metadata: {name: bazaar, labels: {team: stalls}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: bazaar}
data: {colour: green}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: stand, namespace: bazaar}
spec:
  selector: {matchLabels: {app: stand}}
  template:
    metadata: {labels: {app: stand}}
    spec: {containers: [{name: stand, image: IMAGE, imagePullPolicy: Never, envFrom: [{configMapRef: {name: settings}}]}]}
`

// testNamespaceDeleted deletes a namespace, and pastes the runbook while it is going.
func (s *scene) testNamespaceDeleted(t *testing.T) {
	const saved = "/root/bazaar.db"
	s.node.Write(t, "/root/bazaar.yaml", []byte(strings.ReplaceAll(bazaar, "IMAGE", s.node.Image(t, "pause"))), 0o600)
	s.kubectl(t, "apply", "-f", "/root/bazaar.yaml")
	s.eventually(t, s.bazaarOpen)
	s.node.Snapshot(t, saved)
	s.kubectl(t, "delete", "namespace", "bazaar", "--wait=false")

	said := s.paste(t, "namespace-deleted.md", "SNAPSHOT="+saved, "NAMESPACE=bazaar", "export KUBECONFIG=/etc/kubernetes/admin.conf")
	for _, line := range []string{"+ namespaces/bazaar\n", "+ configmaps/bazaar/settings\n", "Nothing was changed.", "deployment.apps/stand"} {
		if !strings.Contains(said, line) {
			t.Errorf("no %q in\n%s", line, said)
		}
	}
	s.eventually(t, s.bazaarOpen)
	requireEqual(t, "the labels", "stalls", s.kubectl(t, "get", "namespace", "bazaar", "-o", "jsonpath={.metadata.labels.team}"))
	requireEqual(t, "the colour", "green", s.kubectl(t, "get", "cm/settings", "-n", "bazaar", "-o", "jsonpath={.data.colour}"))
}

// bazaarOpen is an error unless what is in the namespace runs.
func (s *scene) bazaarOpen(ctx context.Context) error {
	r, err := s.node.Try(ctx, "kubectl", kubeconfig, "get", "deployment/stand", "-n", "bazaar", "-o", "jsonpath={.status.readyReplicas}")
	if err == nil && r.Stdout != "1" {
		err = fmt.Errorf("%q are ready: %s", r.Stdout, r.Stderr)
	}
	return err
}
