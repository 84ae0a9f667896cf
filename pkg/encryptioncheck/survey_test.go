package encryptioncheck

import (
	"errors"
	"fmt"
	"testing"

	"github.com/etcd-restore/etcd-restore/pkg/encryption"
	"github.com/etcd-restore/etcd-restore/test/encryptiontest"
)

const (
	at       = "/registry/secrets/default/s"
	anObject = "k8s\x00 an object, as it is stored"
)

func config(t *testing.T, text string) *encryption.Config {
	t.Helper()
	c, err := encryption.Read([]byte(text))
	if err != nil {
		t.Fatalf("%v, of\n%s", err, text)
	}
	return c
}

func TestSurvey(t *testing.T) {
	t.Parallel()
	now, was := encryptiontest.NewKey("now", 32), encryptiontest.NewKey("was", 32)
	c := config(t, encryptiontest.Config("secrets", encryptiontest.Provider("aesgcm", now), "identity: {}"))
	for _, all := range []bool{false, true} {
		s := newSurvey(c, all)
		for i := range 100 {
			at := fmt.Appendf(nil, "/registry/secrets/default/%d", i)
			s.add("configmaps", at, []byte(anObject))
			if i == 97 { // found with all only
				at = append(at, "moved"...)
			}
			s.add("secrets", at, encryptiontest.Encrypt(t, "aesgcm", now, fmt.Sprintf("/registry/secrets/default/%d", i), []byte(anObject)))
			if i%10 == 0 {
				s.add("secrets", at, encryptiontest.Encrypt(t, "aesgcm", was, string(at), []byte(anObject)))
			}
		}
		groups := s.result()
		if len(groups) != 3 {
			t.Fatalf("%+v", groups)
		}
		plain, ours, theirs := groups[0], groups[1], groups[2]
		if plain.Resource != "configmaps" || plain.Values != 100 || !plain.Readable() || plain.Stored != (encryption.Stored{}) {
			t.Errorf("%+v", plain)
		}
		if theirs.Values != 10 || theirs.Failed != theirs.Tried || !errors.Is(theirs.Err, encryption.ErrNoKey) || theirs.Key != "/registry/secrets/default/0" {
			t.Errorf("%+v", theirs)
		}
		switch {
		case ours.Values != 100 || ours.Stored != encryption.Stored{Provider: "aesgcm", Version: "v1", Key: "now"}:
			t.Errorf("%+v", ours)
		case !all && (ours.Tried != 7 || !ours.Readable()): // 1, 2, 4 … 64
			t.Errorf("%+v", ours)
		case all && (ours.Tried != 100 || ours.Failed != 1 || !errors.Is(ours.Err, encryption.ErrWrongKey) || ours.Key != "/registry/secrets/default/97moved"):
			t.Errorf("%+v", ours)
		}
	}
}

// TestNonsense is a key of aescbc that opens what another one of its name has made: now
// and then the padding happens to be right.
func TestNonsense(t *testing.T) {
	t.Parallel()
	right, wrong := encryptiontest.NewKey("k", 32), encryptiontest.NewKey("k", 32)
	c := config(t, encryptiontest.Config("secrets", encryptiontest.Provider("aescbc", wrong)))
	opened := 0
	for range 4000 {
		value := encryptiontest.Encrypt(t, "aescbc", right, at, []byte(anObject))
		s := newSurvey(c, true)
		s.add("secrets", []byte(at), value)
		if g := s.result()[0]; !errors.Is(g.Err, encryption.ErrWrongKey) {
			t.Fatalf("%+v", g)
		}
		if _, err := c.Decrypt("secrets", []byte(at), value); err == nil {
			opened++
		}
	}
	if opened == 0 {
		t.Error("none of 4000 values was opened by the wrong key; what is tested here does not happen")
	}
}

func TestSurveyIsBounded(t *testing.T) {
	t.Parallel()
	s := newSurvey(encryption.None(), false)
	for i := range 3 * maxGroups {
		s.add(fmt.Sprint("resource", i), nil, []byte(anObject))
	}
	total := 0
	for _, g := range s.result() {
		total += g.Values
	}
	if len(s.result()) > maxGroups+1 || total != 3*maxGroups {
		t.Errorf("%d groups of %d values", len(s.result()), total)
	}
}
