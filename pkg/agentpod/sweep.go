package agentpod

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// Sweep takes out the manifests of jobs that do not run, and returns their names. The
// caller knows that nothing is left for them to do. What was never put in place goes too.
func (p Place) Sweep() ([]string, error) {
	names, err := p.Jobs()
	if err != nil {
		return nil, err
	}
	var swept []string
	var errs []error
	for _, name := range names {
		runs, err := p.Runs(name)
		if err == nil && !runs {
			if err = p.remove(name); err == nil {
				swept = append(swept, name)
			}
		}
		errs = append(errs, err)
	}
	coming, err := filepath.Glob(filepath.Join(filepath.Dir(p.Manifests), "."+prefix+"*.coming"))
	errs = append(errs, err)
	for _, file := range coming {
		if name := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "."+prefix), ".coming"); check(name) == nil {
			errs = append(errs, os.Remove(file))
		}
	}
	return swept, errors.Join(errs...)
}
