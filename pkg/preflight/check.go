package preflight

import (
	"context"
	"errors"
	"fmt"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

// Check is one worry.
type Check struct {
	Name  string
	Vital bool // it cannot be ignored

	// Run looks. What it returns is all there is to say: nothing if all is well.
	Run func(context.Context) []Finding
}

// Severity says what a finding means.
type Severity string

// The severities.
const (
	OK      Severity = "ok"
	Skipped Severity = "skipped" // another check says what is missing
	Warning Severity = "warning"
	Error   Severity = "error" // nothing is touched
)

// Finding is what a check has found: an error as all packages make them, with its
// hint.
type Finding struct {
	Severity Severity
	Err      error
}

// bad are errors; those that are nil are none.
func bad(errs ...error) (f []Finding) {
	for _, err := range errs {
		if err != nil {
			f = append(f, Finding{Error, err})
		}
	}
	return f
}

// warn are warnings; those that are nil are none.
func warn(errs ...error) (f []Finding) {
	for _, err := range errs {
		if err != nil {
			f = append(f, Finding{Warning, err})
		}
	}
	return f
}

// skip says why a check could not look.
func skip(format string, args ...any) []Finding {
	return []Finding{{Skipped, fmt.Errorf(format, args...)}}
}

// noPlan is for what only a plan tells.
func noPlan() []Finding { return skip("there is no plan to look at") }

// or attaches the next step to an error that names none itself.
func or(err error, format string, args ...any) error {
	if hintOf(err) != "" {
		return err
	}
	return hint.New(err, format, args...)
}

// hintOf is the next step that err names, or "".
func hintOf(err error) string {
	var h interface{ Hint() string }
	if errors.As(err, &h) {
		return h.Hint()
	}
	return ""
}
