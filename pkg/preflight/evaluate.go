package preflight

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

// All is the name that stands for all checks that can be ignored.
const All = "all"

// Report is what all checks have found, in their order.
type Report struct {
	Results []Result `json:"results"`
}

// Result is a finding of a check, or that there was none.
type Result struct {
	Check    string   `json:"check"`
	Severity Severity `json:"severity"`
	What     string   `json:"what,omitempty"`
	Hint     string   `json:"hint,omitempty"`
	Ignored  bool     `json:"ignored,omitempty"` // it was an error

	err       error
	ignorable bool
}

// Evaluate runs all checks. Errors of those in ignore become warnings. If any are
// left, it returns an error that lists them all, and the report.
func Evaluate(ctx context.Context, checks []Check, ignore []string) (*Report, error) {
	ignored, err := resolve(checks, ignore)
	if err != nil {
		return nil, err
	}
	r := &Report{Results: []Result{}}
	for _, c := range checks {
		findings := c.Run(ctx)
		if err := ctx.Err(); err != nil { // whatever it has found then
			return r, err
		}
		if len(findings) == 0 {
			r.Results = append(r.Results, Result{Check: c.Name, Severity: OK})
		}
		for _, f := range findings {
			r.Results = append(r.Results, c.result(f, ignored[c.Name]))
		}
	}
	return r, r.failure()
}

func (c Check) result(f Finding, ignored bool) Result {
	r := Result{Check: c.Name, Severity: f.Severity, What: f.Err.Error(), Hint: hintOf(f.Err), err: f.Err, ignorable: !c.Vital}
	if r.Severity == Error && ignored {
		r.Severity, r.Ignored = Warning, true
	}
	return r
}

// resolve finds the checks of the names, in which case does not matter, as it does
// not to kubeadm.
func resolve(checks []Check, ignore []string) (map[string]bool, error) {
	ignored := map[string]bool{}
	for _, name := range ignore {
		if strings.EqualFold(name, All) {
			for _, c := range checks {
				ignored[c.Name] = !c.Vital
			}
			continue
		}
		i := slices.IndexFunc(checks, func(c Check) bool { return strings.EqualFold(c.Name, name) })
		switch {
		case i < 0:
			return nil, hint.New(fmt.Errorf("%w: there is no check %q", ErrIgnore, name), "they are %s, or %s", strings.Join(ignorable(checks), ", "), All)
		case checks[i].Vital:
			return nil, hint.New(fmt.Errorf("%w: %s cannot be ignored", ErrIgnore, checks[i].Name), "mend what it finds: without it a restore could do harm")
		}
		ignored[checks[i].Name] = true
	}
	return ignored, nil
}

func ignorable(checks []Check) (names []string) {
	for _, c := range checks {
		if !c.Vital {
			names = append(names, c.Name)
		}
	}
	return names
}

// failure is the error that lists all errors, nil if there are none.
func (r *Report) failure() error {
	var f failure
	for _, result := range r.Results {
		if result.Severity == Error {
			f = append(f, result)
		}
	}
	if len(f) == 0 {
		return nil
	}
	return f
}

// failure is all results that are errors.
type failure []Result

// Error has a line for each, and its hint below.
func (f failure) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v, and nothing was touched:", ErrPreflight)
	for _, r := range f {
		fmt.Fprintf(&b, "\n  %s: %s", r.Check, strings.ReplaceAll(r.What, "\n", "\n    "))
		if r.Hint != "" {
			fmt.Fprintf(&b, "\n    hint: %s", r.Hint)
		}
	}
	return b.String()
}

// Hint says how to go on in spite of those that allow it.
func (f failure) Hint() string {
	var names []string
	for _, r := range f {
		if !r.ignorable {
			return "mend what is wrong and run it again"
		}
		if !slices.Contains(names, r.Check) {
			names = append(names, r.Check)
		}
	}
	return "mend what is wrong and run it again; if you know better, --ignore-preflight-errors=" + strings.Join(names, ",")
}

// Unwrap lets each error be asked for: a corrupt snapshot stays one.
func (f failure) Unwrap() []error {
	errs := []error{ErrPreflight}
	for _, r := range f {
		errs = append(errs, r.err)
	}
	return errs
}
