package probe

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"
)

// leap is between the revisions of two clusters: a restore raises it by more, and no
// cluster gets that far in a test.
const leap = 500_000_000

// epoch is one cluster, told from the others by its revisions.
type epoch struct {
	first, last int64 // revisions that somebody was told
}

// epochs are the clusters that served, the oldest first: invariant I5 says that their
// revisions grow.
func epochs(events []event) (all []epoch) {
	sorted := slices.SortedFunc(slices.Values(events), func(a, b event) int { return cmp.Compare(a.revision, b.revision) })
	for _, e := range sorted {
		if len(all) == 0 || e.revision-all[len(all)-1].last > leap {
			all = append(all, epoch{e.revision, e.revision})
		}
		all[len(all)-1].last = e.revision
	}
	return all
}

// judge looks for two answers that cannot both be true.
//
// A cluster has served when the first answer of it has come. Whatever began later and
// was answered by an older cluster proves that both served at one time (I6, I7), be it a
// write or a read of what an API server had in memory. And a write that began after
// another had been acknowledged has the higher revision, whichever servers they went
// through (I5).
func judge(events []event, servers int) error {
	all := epochs(events)
	if len(all) == 0 {
		return errors.New("no API server ever answered")
	}
	var errs []error
	for i, newer := range all[1:] {
		errs = append(errs, overlap(events, newer.first, fmt.Sprintf("cluster %d", i+2)))
	}
	errs = append(errs, backwards(events))
	last := map[string]bool{}
	for _, e := range events {
		if e.write && e.revision >= all[len(all)-1].first {
			last[e.server] = true
		}
	}
	if len(last) != servers {
		errs = append(errs, fmt.Errorf("of %d API servers only these have taken writes of the last cluster: %v", servers, last))
	}
	return errors.Join(errs...)
}

// overlap finds answers of older clusters to what was asked after a newer one had served.
func overlap(events []event, newer int64, name string) error {
	var served event // the first answer of the newer one
	for _, e := range events {
		if e.revision >= newer && (served.server == "" || e.ended.Before(served.ended)) {
			served = e
		}
	}
	var wrong []event
	for _, e := range events {
		if e.revision < newer && e.began.After(served.ended) {
			wrong = append(wrong, e)
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	slices.SortFunc(wrong, func(a, b event) int { return a.began.Compare(b.began) })
	return fmt.Errorf("%s had served at %v, and %d questions asked later were answered by an older one: the first was %v, the last %v",
		name, served, len(wrong), wrong[0], wrong[len(wrong)-1])
}

// backwards finds a write that was acknowledged with a lower revision than one that had
// been acknowledged before it began.
func backwards(events []event) error {
	var writes []event
	for _, e := range events {
		if e.write {
			writes = append(writes, e)
		}
	}
	ended := slices.SortedFunc(slices.Values(writes), func(a, b event) int { return a.ended.Compare(b.ended) })
	slices.SortFunc(writes, func(a, b event) int { return a.began.Compare(b.began) })
	var highest event // of those that had ended
	next := 0
	for _, w := range writes {
		for ; next < len(ended) && ended[next].ended.Before(w.began); next++ {
			if ended[next].revision > highest.revision {
				highest = ended[next]
			}
		}
		if w.revision <= highest.revision {
			return fmt.Errorf("%v began after %v", w, highest)
		}
	}
	return nil
}

func (e event) String() string {
	what := "read"
	if e.write {
		what = fmt.Sprintf("write of %d", e.value)
	}
	return fmt.Sprintf("%s through %s (%s to %s, revision %d)", what, e.server, e.began.Format(clock), e.ended.Format(clock), e.revision)
}

const clock = "15:04:05.000"

// Gap is the longest time without any answer to a write since then, and when it began.
func (h *History) Gap(since time.Time) (longest time.Duration, from time.Time) {
	var writes []time.Time
	for _, e := range h.copy() {
		if e.write && e.ended.After(since) {
			writes = append(writes, e.ended)
		}
	}
	slices.SortFunc(writes, time.Time.Compare)
	before := since
	for _, w := range append(writes, time.Now()) {
		if d := w.Sub(before); d > longest {
			longest, from = d, before
		}
		before = w
	}
	return longest, from
}
