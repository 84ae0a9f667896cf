package kubeobject

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

// A CRD is shown as the API server shows it, in whatever shape it is stored.
func TestServeCRD(t *testing.T) {
	t.Parallel()
	const head = "kind: CustomResourceDefinition\nmetadata: {name: w, resourceVersion: '7'}\napiVersion: apiextensions.k8s.io/"
	for name, tc := range map[string]struct{ stored, served string }{
		"what versions have in common": {
			`
spec:
  group: example.com
  version: v1
  validation: {openAPIV3Schema: {type: object}}
  subresources: {status: {}}
  additionalPrinterColumns: [{name: Size, type: integer, JSONPath: .spec.size}]
  selectableFields: [{jsonPath: .spec.size}]
  preserveUnknownFields: false
  conversion: {strategy: None}
  versions: [{name: v1, served: true, storage: true}, {name: v2, served: true, storage: false}]`,
			`
spec:
  group: example.com
  conversion: {strategy: None}
  versions:
  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}, subresources: {status: {}}, selectableFields: [{jsonPath: .spec.size}], additionalPrinterColumns: [{name: Size, type: integer, jsonPath: .spec.size}]}
  - {name: v2, served: true, storage: false, schema: {openAPIV3Schema: {type: object}}, subresources: {status: {}}, selectableFields: [{jsonPath: .spec.size}], additionalPrinterColumns: [{name: Size, type: integer, jsonPath: .spec.size}]}`,
		},
		"versions that differ, and a webhook": {
			`
spec:
  version: v1
  preserveUnknownFields: true
  conversion: {strategy: Webhook, webhookClientConfig: {url: https://a}, conversionReviewVersions: [v1]}
  versions: [{name: v1, schema: {a: b}, additionalPrinterColumns: [{JSONPath: .a}]}, {name: v2, schema: {c: d}}]`,
			`
spec:
  preserveUnknownFields: true
  conversion: {strategy: Webhook, webhook: {clientConfig: {url: https://a}, conversionReviewVersions: [v1]}}
  versions: [{name: v1, schema: {a: b}, additionalPrinterColumns: [{jsonPath: .a}]}, {name: v2, schema: {c: d}}]`,
		},
		"of old, with one version": {
			"\nspec: {version: v1, validation: {a: b}}",
			"\nspec: {versions: [{name: v1, served: true, storage: true, schema: {a: b}}]}",
		},
		"nonsense": {
			"\nspec: {versions: [7], validation: 8, conversion: 9, additionalPrinterColumns: 10}",
			"\nspec: {versions: [7], conversion: 9}",
		},
	} {
		stored, err := yaml.YAMLToJSON([]byte(head + "v1beta1" + tc.stored))
		if err != nil {
			t.Fatal(err)
		}
		o, err := Decoder{}.Object("/registry/x", stored, 7)
		if err != nil {
			t.Fatal(err)
		}
		served, err := yaml.YAMLToJSON([]byte(head + "v1" + tc.served))
		if err != nil {
			t.Fatal(err)
		}
		want, err := decode(served)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want.Object, o.Object); diff != "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
		if m, err := (Decoder{}).Metadata("/registry/x", stored); err != nil || m.APIVersion != o.GetAPIVersion() {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
	}
}
