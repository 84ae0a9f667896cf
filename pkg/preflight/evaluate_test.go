package preflight_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
	"github.com/etcd-restore/etcd-restore/pkg/preflight"
)

var errDisk = errors.New("disk is on fire")

func finds(findings ...preflight.Finding) func(context.Context) []preflight.Finding {
	return func(context.Context) []preflight.Finding { return findings }
}

// some are checks of every kind of outcome.
func some() []preflight.Check {
	return []preflight.Check{
		{Name: "Fine", Run: finds()},
		{Name: "Odd", Run: finds(preflight.Finding{Severity: preflight.Warning, Err: errors.New("odd")})},
		{Name: "Disk", Run: finds(
			preflight.Finding{Severity: preflight.Error, Err: hint.New(fmt.Errorf("sda: %w", errDisk), "put it out")},
			preflight.Finding{Severity: preflight.Error, Err: errors.New("sdb: gone\nfor good")},
		)},
		{Name: "Vital", Vital: true, Run: finds(preflight.Finding{Severity: preflight.Error, Err: errors.New("no heart")})},
		{Name: "Blind", Run: finds(preflight.Finding{Severity: preflight.Skipped, Err: errors.New("no light")})},
	}
}

func TestEvaluateListsAll(t *testing.T) {
	t.Parallel()
	report, err := preflight.Evaluate(t.Context(), some(), nil)
	const want = `preflight checks failed, and nothing was touched:
  Disk: sda: disk is on fire
    hint: put it out
  Disk: sdb: gone
    for good
  Vital: no heart`
	if !errors.Is(err, preflight.ErrPreflight) || !errors.Is(err, errDisk) {
		t.Fatalf("got %v, want ErrPreflight and what is behind it", err)
	}
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Error(diff)
	}
	text, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	const table = `{"results":[{"check":"Fine","severity":"ok"},{"check":"Odd","severity":"warning","what":"odd"},` +
		`{"check":"Disk","severity":"error","what":"sda: disk is on fire","hint":"put it out"},{"check":"Disk","severity":"error","what":"sdb: gone\nfor good"},` +
		`{"check":"Vital","severity":"error","what":"no heart"},{"check":"Blind","severity":"skipped","what":"no light"}]}`
	if diff := cmp.Diff(table, string(text)); diff != "" {
		t.Error(diff)
	}
}

func TestIgnore(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		ignore []string
		left   []string // errors
		hint   string
	}{
		"nothing":          {nil, []string{"Disk", "Disk", "Vital"}, "mend what is wrong and run it again"},
		"one":              {[]string{"Disk"}, []string{"Vital"}, "mend what is wrong and run it again"},
		"in another case":  {[]string{"dISK"}, []string{"Vital"}, "mend what is wrong and run it again"},
		"one that is fine": {[]string{"Fine"}, []string{"Disk", "Disk", "Vital"}, "mend what is wrong and run it again"},
		"all":              {[]string{"all"}, []string{"Vital"}, "mend what is wrong and run it again"},
		"all and one":      {[]string{"ALL", "Odd"}, []string{"Vital"}, "mend what is wrong and run it again"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			report, err := preflight.Evaluate(t.Context(), some(), tc.ignore)
			if !errors.Is(err, preflight.ErrPreflight) {
				t.Fatal(err)
			}
			var left []string
			for _, r := range report.Results {
				if r.Severity == preflight.Error {
					left = append(left, r.Check)
				}
				if r.Ignored != (r.Check == "Disk" && r.Severity == preflight.Warning) {
					t.Errorf("%+v", r)
				}
			}
			if diff := cmp.Diff(tc.left, left); diff != "" {
				t.Error(diff)
			}
			if errors.Is(err, errDisk) != (len(left) == 3) {
				t.Errorf("what is ignored is still in the error, or what is not is missing: %v", err)
			}
			if got := hintOf(err); got != tc.hint {
				t.Errorf("hint: %q, want %q", got, tc.hint)
			}
		})
	}
	t.Run("what can be ignored is named", func(t *testing.T) {
		t.Parallel()
		_, err := preflight.Evaluate(t.Context(), some()[:3], nil)
		if got := hintOf(err); !strings.HasSuffix(got, " --ignore-preflight-errors=Disk") {
			t.Errorf("hint: %q", got)
		}
		if _, err := preflight.Evaluate(t.Context(), some()[:3], []string{"Disk"}); err != nil {
			t.Errorf("a warning is no failure: %v", err)
		}
	})
	for _, name := range []string{"Unknown", "", "Vital", "vital"} {
		ran := false
		checks := append(some(), preflight.Check{Name: "Last", Run: func(context.Context) []preflight.Finding { ran = true; return nil }})
		_, err := preflight.Evaluate(t.Context(), checks, []string{name})
		if !errors.Is(err, preflight.ErrIgnore) || errors.Is(err, preflight.ErrPreflight) || ran {
			t.Errorf("ignore %q: %v, ran: %v, want ErrIgnore at once", name, err, ran)
		}
		if hintOf(err) == "" {
			t.Errorf("ignore %q: no hint", name)
		}
	}
}

func TestInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	checks := append([]preflight.Check{{Name: "Slow", Run: func(context.Context) []preflight.Finding { cancel(); return nil }}}, some()...)
	report, err := preflight.Evaluate(ctx, checks, nil)
	if !errors.Is(err, context.Canceled) || errors.Is(err, preflight.ErrPreflight) || len(report.Results) != 0 {
		t.Errorf("got %v after %v, want context.Canceled", err, report.Results)
	}
}

func hintOf(err error) string {
	var h interface{ Hint() string }
	if errors.As(err, &h) {
		return h.Hint()
	}
	return ""
}
