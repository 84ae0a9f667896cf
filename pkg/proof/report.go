package proof

import (
	"fmt"
	"strings"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

// State is what became of a check.
type State string

// The states.
const (
	OK      State = "ok"
	Failed  State = "failed"
	Unknown State = "unknown" // it could not be made
)

// Result is a check with its evidence.
type Result struct {
	Check    string `json:"check"`
	State    State  `json:"state"`
	Evidence string `json:"evidence"`
	Next     string `json:"next,omitempty"`
}

// Report is what the facts come to.
type Report struct {
	Run     string   `json:"run,omitempty"` // decision of the restore that was checked
	Results []Result `json:"results"`
}

// Err is ErrFailed if a check failed, ErrUnknown if one could not be made, and nil if all
// is well.
func (r *Report) Err() error {
	failed, unknown, next := r.names(Failed), r.names(Unknown), ""
	for _, result := range r.Results {
		if next == "" && result.State != OK {
			next = result.Next
		}
	}
	err := error(nil)
	switch {
	case len(failed) > 0:
		err = fmt.Errorf("%w: %s", ErrFailed, strings.Join(failed, ", "))
	case len(unknown) > 0:
		err = fmt.Errorf("%w: %s", ErrUnknown, strings.Join(unknown, ", "))
	}
	if err != nil && next != "" {
		err = hint.New(err, "%s", next)
	}
	return err
}

func (r *Report) names(s State) []string {
	var names []string
	for _, result := range r.Results {
		if result.State == s {
			names = append(names, result.Check)
		}
	}
	return names
}

// finding is a result in the making. What is worse stays.
type finding struct {
	failed, unknown, good []string
	next                  string
}

func (f *finding) fail(format string, args ...any) {
	f.failed = append(f.failed, fmt.Sprintf(format, args...))
}

func (f *finding) doubt(format string, args ...any) {
	f.unknown = append(f.unknown, fmt.Sprintf(format, args...))
}

func (f *finding) see(format string, args ...any) {
	f.good = append(f.good, fmt.Sprintf(format, args...))
}

// result tells the bad news first, and of good news only if there is no other.
func (f *finding) result(check string) Result {
	r := Result{Check: check, State: OK, Evidence: strings.Join(f.good, "; "), Next: f.next}
	switch {
	case len(f.failed) > 0:
		r.State, r.Evidence = Failed, strings.Join(append(f.failed, f.unknown...), "; ")
	case len(f.unknown) > 0:
		r.State, r.Evidence = Unknown, strings.Join(f.unknown, "; ")
	case len(f.good) == 0:
		r.State, r.Evidence = Unknown, "nobody was asked"
	default:
		r.Next = ""
	}
	return r
}
