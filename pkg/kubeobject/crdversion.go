package kubeobject

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// API servers store CustomResourceDefinitions in a version that they have not served
// since Kubernetes 1.22, and show them in another. All else is stored in a version
// that is served.
const (
	crdStored = "apiextensions.k8s.io/v1beta1"
	crdServed = "apiextensions.k8s.io/v1"
	crdKind   = "CustomResourceDefinition"
)

// serveCRD brings a CRD from the version that is stored to the one that is served
// (k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1, conversion.go): what all
// versions of a CRD have in common is stored once, beside them.
func serveCRD(o *unstructured.Unstructured) {
	spec, ok := o.Object["spec"].(map[string]any)
	if o.GetAPIVersion() != crdStored || o.GetKind() != crdKind || !ok {
		return
	}
	o.SetAPIVersion(crdServed)
	versions, _ := spec["versions"].([]any)
	if name, ok := spec["version"].(string); ok && len(versions) == 0 {
		versions = []any{map[string]any{"name": name, "served": true, "storage": true}}
		spec["versions"] = versions
	}
	for of, field := range map[string]string{
		"validation": "schema", "subresources": "subresources",
		"additionalPrinterColumns": "additionalPrinterColumns", "selectableFields": "selectableFields",
	} {
		common, found := spec[of]
		delete(spec, of)
		for _, v := range versions {
			if version, ok := v.(map[string]any); ok && found && version[field] == nil {
				version[field] = runtime.DeepCopyJSONValue(common)
			}
		}
	}
	for _, v := range versions {
		if version, ok := v.(map[string]any); ok {
			renameColumns(version["additionalPrinterColumns"])
		}
	}
	delete(spec, "version")
	if keep, _ := spec["preserveUnknownFields"].(bool); !keep {
		delete(spec, "preserveUnknownFields")
	}
	serveConversion(spec)
}

func renameColumns(columns any) {
	list, _ := columns.([]any)
	for _, c := range list {
		column, ok := c.(map[string]any)
		if path, found := column["JSONPath"]; ok && found {
			column["jsonPath"] = path
			delete(column, "JSONPath")
		}
	}
}

// serveConversion puts what is said of a webhook where it is looked for.
func serveConversion(spec map[string]any) {
	conversion, ok := spec["conversion"].(map[string]any)
	if !ok {
		return
	}
	webhook := map[string]any{}
	for of, field := range map[string]string{"webhookClientConfig": "clientConfig", "conversionReviewVersions": "conversionReviewVersions"} {
		if v, found := conversion[of]; found {
			webhook[field] = v
		}
		delete(conversion, of)
	}
	if conversion["strategy"] == "Webhook" {
		conversion["webhook"] = webhook
	}
}
