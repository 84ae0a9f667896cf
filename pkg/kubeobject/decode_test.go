package kubeobject

import (
	"bytes"
	"errors"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/client-go/kubernetes/scheme"
)

// stored is an object as an API server stores one of a built-in kind.
func stored(t testing.TB, gvk schema.GroupVersionKind, o runtime.Object) []byte {
	t.Helper()
	o.GetObjectKind().SetGroupVersionKind(gvk)
	var b bytes.Buffer
	if err := protobuf.NewSerializer(scheme.Scheme, scheme.Scheme).Encode(o, &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func deployment(t testing.TB) []byte {
	return stored(t, appsv1.SchemeGroupVersion.WithKind("Deployment"), &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "shop", UID: "u1", Labels: map[string]string{"app": "web"}},
	})
}

// What is no object says so, and what was meant to be one says why it is none.
func TestNoObjects(t *testing.T) {
	t.Parallel()
	whole := deployment(t)
	future := bytes.Replace(whole, []byte("Deployment"), []byte("Deploymint"), 1)
	for name, tc := range map[string]struct {
		value []byte
		want  error
	}{
		"empty":                   {nil, ErrNoObject},
		"random":                  {[]byte{0xff, 0x00, 0x13, 0x37}, ErrNoObject},
		"a number":                {[]byte("1234"), ErrNoObject},
		"JSON of something else":  {[]byte(`{"hello":"world"}`), ErrNoObject},
		"JSON without metadata":   {[]byte(`{"kind":"Widget","apiVersion":"example.com/v1"}`), ErrNoObject},
		"JSON cut short":          {[]byte(`{"kind":"Widget","apiVersion":"example.com/v1"`), ErrDamaged},
		"CBOR of nothing":         {[]byte("\xd9\xd9\xf7"), ErrDamaged},
		"protobuf of nothing":     {[]byte("k8s\x00"), ErrDamaged},
		"protobuf cut short":      {whole[:len(whole)-3], ErrDamaged},
		"protobuf without a type": {[]byte("k8s\x00\x12\x00"), ErrDamaged},
		"a kind of the future":    {future, ErrUnknownKind},
		"encrypted":               {[]byte("k8s:enc:aescbc:v1:key1:\x01\x02"), ErrEncrypted},
	} {
		o, err := Decoder{}.Object("/registry/x/y", tc.value, 7)
		if !errors.Is(err, tc.want) || o != nil {
			t.Errorf("%s: %v, %v", name, o, err)
		}
	}
}

func TestEncryption(t *testing.T) {
	t.Parallel()
	var e *EncryptedError
	_, err := Decoder{}.Object("k", []byte("k8s:enc:aescbc:v1:key1:\x00"), 1)
	if !errors.As(err, &e) || e.Key != "key1" || err.Error() != `the object is encrypted by aescbc with key "key1"` {
		t.Error(err)
	}
}

// reveal takes the front off, as a provider that encrypts nothing would.
type reveal struct{ err error }

func (r reveal) Decrypt(_ string, value []byte) ([]byte, error) {
	return bytes.TrimPrefix(value, []byte("k8s:enc:aescbc:v1:key1:")), r.err
}

func TestDecrypter(t *testing.T) {
	t.Parallel()
	value := append([]byte("k8s:enc:aescbc:v1:key1:"), deployment(t)...)
	o, err := Decoder{reveal{}}.Object("k", value, 7)
	if err != nil || o.GetName() != "web" || o.GetResourceVersion() != "7" {
		t.Errorf("%v, %v", o, err)
	}
	m, err := Decoder{reveal{}}.Metadata("k", value)
	if err != nil || m.Kind != "Deployment" || m.Labels["app"] != "web" {
		t.Errorf("%v, %v", m, err)
	}
	if _, err := (Decoder{reveal{errors.New("wrong key")}}).Object("k", value, 7); !errors.Is(err, ErrDamaged) {
		t.Error(err)
	}
	if _, err := (Decoder{reveal{&EncryptedError{}}}).Object("k", value, 7); !errors.Is(err, ErrEncrypted) || errors.Is(err, ErrDamaged) {
		t.Error(err)
	}
}

// Metadata are known of kinds that are not.
func TestMetadataOfAnUnknownKind(t *testing.T) {
	t.Parallel()
	value := bytes.Replace(deployment(t), []byte("Deployment"), []byte("Deploymint"), 1)
	m, err := Decoder{}.Metadata("k", value)
	if err != nil || m.Kind != "Deploymint" || m.Name != "web" || m.UID != "u1" {
		t.Errorf("%+v, %v", m, err)
	}
}

// FuzzDecode: any value gives an object or one of the errors; where both decoders
// know the object they tell the same of it, and whatever it is can be masked and
// made ready to be applied.
func FuzzDecode(f *testing.F) {
	f.Add(deployment(f))
	f.Add([]byte(`{"kind":"Widget","apiVersion":"example.com/v1","metadata":{"name":"w"}}`))
	f.Add([]byte("\xd9\xd9\xf7\xa3\x44kind\x41X\x4aapiVersion\x42v1\x48metadata\xa0"))
	f.Add([]byte("k8s:enc:aescbc:v1:key1:x"))
	for _, kind := range []string{"Pod", "Secret", "PersistentVolume", "PersistentVolumeClaim"} {
		f.Add([]byte(`{"kind":"` + kind + `","apiVersion":"v1","metadata":{"uid":7,"labels":{},"annotations":[],"ownerReferences":[1,{"uid":"u"}]},"data":{"a":1},"spec":{"claimRef":[]}}`))
	}
	f.Add([]byte(`{"kind":"Job","apiVersion":"batch/v1","metadata":{"uid":"u","labels":{"controller-uid":"u"}},"spec":{"selector":0,"template":{"metadata":{"labels":{"controller-uid":"u"}}}}}`))
	f.Add([]byte("k8s\x00\x0a\x02\x0a\x00"))
	f.Fuzz(func(t *testing.T, value []byte) {
		o, err := Decoder{}.Object("/registry/x/y", value, 7)
		if err != nil {
			if !IsOfValue(err) {
				t.Fatal(err)
			}
			return
		}
		m, err := Decoder{}.Metadata("/registry/x/y", value)
		if err != nil && !IsOfValue(err) {
			t.Fatal(err)
		}
		if err == nil && (m.Kind != o.GetKind() || m.APIVersion != o.GetAPIVersion()) {
			t.Fatalf("%s %s, %s %s", m.APIVersion, m.Kind, o.GetAPIVersion(), o.GetKind())
		}
		Mask(o)
		ForApply(o, func(metav1.OwnerReference) bool { return len(value)%2 == 0 })
		if o.GetUID() != "" || o.GetResourceVersion() != "" || o.Object["status"] != nil {
			t.Fatal(o.Object)
		}
	})
}
