package probe

import (
	"slices"
	"time"
)

// Outage is for how long several API servers together were not ready since: the time in
// which none was, and the time in which at least one was not. Interruptions of either
// count, as Downtime counts them.
func Outage(since time.Time, servers ...*Readiness) (none, some time.Duration) {
	type change struct {
		answer
		server int
	}
	var all []change
	for i, r := range servers {
		r.mu.Lock()
		for _, a := range r.answers[r.from(since):] {
			all = append(all, change{a, i})
		}
		r.mu.Unlock()
	}
	slices.SortStableFunc(all, func(a, b change) int { return a.at.Compare(b.at) })
	down := make([]bool, len(servers))
	var noneIs, someIs window
	for _, c := range all {
		down[c.server] = !c.ready
		noneIs.add(c.at, !slices.Contains(down, false))
		someIs.add(c.at, slices.Contains(down, true))
	}
	return noneIs.length(), someIs.length()
}

// window is from the first time that something held until it did no longer, for good.
type window struct {
	from, until time.Time
	holds       bool
}

func (w *window) add(at time.Time, holds bool) {
	if holds && w.from.IsZero() {
		w.from = at
	}
	if holds || w.holds {
		w.until = at
	}
	w.holds = holds
}

func (w *window) length() time.Duration { return w.until.Sub(w.from) }
