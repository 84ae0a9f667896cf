package schematest

import (
	"fmt"
	"testing"
)

// recorder is a test that takes note of its failure.
type recorder struct {
	testing.TB
	said string
}

func (r *recorder) Errorf(format string, args ...any) { r.said = fmt.Sprintf(format, args...) }

// What differs from its schema is found.
func TestRequire(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		text string
		good bool
	}{
		"as it should be": {`{"hash":1,"hashRevision":2,"compactRevision":3}`, true},
		"a field more":    {`{"hash":1,"hashRevision":2,"compactRevision":3,"later":{}}`, true},
		"a field less":    {`{"hash":1,"hashRevision":2}`, false},
		"another type":    {`{"hash":"1","hashRevision":2,"compactRevision":3}`, false},
		"no JSON":         {`hash 1`, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &recorder{TB: t}
			Require(r, "snapshot-x-hashkv", tc.text)
			if (r.said == "") != tc.good {
				t.Errorf("it says %q", r.said)
			}
		})
	}
}
