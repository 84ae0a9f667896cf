// Package kubeobject is the Kubernetes objects in an etcd keyspace: which there
// are at a revision, what fills the database, and each of them decoded.
//
// An API server stores an object under
//
//	PREFIX/RESOURCE/[NAMESPACE/]NAME         a built-in kind
//	PREFIX/GROUP/RESOURCE/[NAMESPACE/]NAME   a custom resource, a CRD, an APIService
//
// as one of
//
//	k8s\0 runtime.Unknown in protobuf        built-in kinds
//	{...}                                    JSON: custom resources, CRDs, APIServices
//	d9 d9 f7 ...                             CBOR: custom resources, if so configured
//	k8s:enc:PROVIDER:VERSION:KEY:...         any of these, encrypted
//
// (k8s.io/apimachinery/pkg/runtime/serializer, k8s.io/apiserver/pkg/storage/value).
// Its own bookkeeping lies beside them. Nothing found there is trusted: what is
// no object, or a damaged one, is an error for that key and no other.
package kubeobject
