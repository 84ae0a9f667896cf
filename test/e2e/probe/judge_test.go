package probe

import (
	"strings"
	"testing"
	"time"
)

// Answers are written as SERVER KIND BEGAN-ENDED @REVISION, in seconds; n is a new cluster's.
func TestJudge(t *testing.T) {
	t.Parallel()
	const restored = 1_000_000_000
	zero := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	say := func(server string, write bool, began, ended int, revision int64) event {
		at := func(s int) time.Time { return zero.Add(time.Duration(s) * time.Second) }
		return event{server, write, at(began), at(ended), revision, began}
	}
	good := []event{
		say("cp1", true, 0, 1, 100), say("cp2", true, 0, 2, 101), say("cp2", false, 2, 3, 99), // memory lags
		say("cp1", true, 10, 11, restored+100), say("cp2", true, 11, 12, restored+101),
	}
	for name, tc := range map[string]struct {
		more []event
		want string // of the error; "": none
	}{
		"restored":                         {nil, ""},
		"an answer that took long":         {[]event{say("cp2", true, 5, 20, 102)}, ""},
		"a write of the old one":           {[]event{say("cp2", true, 12, 13, 102)}, "answered by an older one"},
		"memory of the old one":            {[]event{say("cp2", false, 12, 13, 101)}, "answered by an older one"},
		"back to the old one":              {[]event{say("cp1", true, 20, 21, 103), say("cp2", true, 20, 21, 104)}, "answered by an older one"},
		"a third cluster":                  {[]event{say("cp1", true, 20, 21, 2*restored+200), say("cp2", true, 20, 21, 2*restored+201)}, ""},
		"a third that only one serves":     {[]event{say("cp1", true, 20, 21, 2*restored+200)}, "of 2 API servers"},
		"a second in the third":            {[]event{say("cp1", true, 20, 21, 2*restored+200), say("cp2", true, 22, 23, restored+300)}, "cluster 3 had served"},
		"revisions that go back":           {[]event{say("cp1", true, 20, 21, restored+101)}, "began after"},
		"revisions of writes side by side": {[]event{say("cp1", true, 20, 22, restored+500), say("cp2", true, 21, 23, restored+400)}, ""},
		"memory may go back in a cluster":  {[]event{say("cp1", false, 20, 21, restored+50)}, ""},
	} {
		err := judge(append(append([]event(nil), good...), tc.more...), 2)
		switch {
		case tc.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
			t.Errorf("%s: got %v, want %s", name, err, tc.want)
		}
	}
	if judge(nil, 2) == nil {
		t.Error("nobody answered, and all is well")
	}
}
