package probe

import (
	"testing"
	"time"
)

func TestOutage(t *testing.T) {
	t.Parallel()
	zero := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	for name, tc := range map[string]struct {
		servers    []string // an answer a second each: + ready, - not
		since      int
		none, some int
	}{
		"nothing":            {[]string{"+++++", "+++++"}, 0, 0, 0},
		"one after another":  {[]string{"+-+++", "+++-+"}, 0, 0, 3},
		"both":               {[]string{"+--++", "++--+"}, 0, 1, 3},
		"both, twice":        {[]string{"+--+-+", "+--+-+"}, 0, 4, 4},
		"one":                {[]string{"+---+"}, 0, 3, 3},
		"not back yet":       {[]string{"+---", "++--"}, 0, 1, 2},
		"before that":        {[]string{"--+++", "--+++"}, 2, 0, 0},
		"nothing was asked":  {[]string{"", ""}, 0, 0, 0},
		"back one by one":    {[]string{"+--+++", "+---++", "+----+"}, 0, 2, 4},
		"one is never ready": {[]string{"-----", "++-++"}, 0, 1, 4},
	} {
		var servers []*Readiness
		for _, pattern := range tc.servers {
			r := &Readiness{}
			for i, c := range pattern {
				r.answers = append(r.answers, answer{zero.Add(time.Duration(i) * time.Second), c == '+'})
			}
			servers = append(servers, r)
		}
		none, some := Outage(zero.Add(time.Duration(tc.since)*time.Second), servers...)
		if none != time.Duration(tc.none)*time.Second || some != time.Duration(tc.some)*time.Second {
			t.Errorf("%s: %v and %v, want %d s and %d s", name, none, some, tc.none, tc.some)
		}
	}
}
