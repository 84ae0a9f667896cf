package rendezvous

import (
	"strings"
	"testing"
	"unicode"
)

// Whatever is sent, what is taken for a state can be printed and sent on.
func FuzzDecode(f *testing.F) {
	plan := strings.Repeat("0", 64)
	f.Add([]byte(`{"planSHA256":"` + plan + `","member":"cp1","phase":"stop","stopped":true,"time":"2026-01-02T03:04:05Z"}`))
	f.Add([]byte(`{"planSHA256":"` + plan + `","member":"\u001b","phase":"\ud800"}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := decode(text)
		if err != nil {
			if s != (State{}) {
				t.Errorf("%v, and yet %+v", err, s)
			}
			return
		}
		if s.ClusterID != 0 || strings.ContainsFunc(describe([]Answer{{"p", s, nil}}), unicode.IsControl) {
			t.Errorf("got %+v", s)
		}
		if _, err := s.encode(); err != nil {
			t.Error(err)
		}
	})
}
