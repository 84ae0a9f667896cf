package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/etcd-restore/etcd-restore/test/e2e/lab"
)

// result is the downtime of every round of each contestant.
type result map[string][]time.Duration

// compare takes a snapshot and lets the contestants restore it in turns.
func (c *cluster) compare(name string, rounds int) result {
	c.settle()
	c.node.Must(c.t, "rm", "-f", snapshot)
	c.node.Snapshot(c.t, snapshot)
	contestants := []contestant{byHand()}
	if c.withPlugin {
		contestants = append(contestants, ours())
	}
	all := result{}
	for round := range rounds {
		for i := range contestants {
			one := contestants[(i+round)%len(contestants)]
			c.clean()
			c.settle()
			down := c.measure(func() { one.run(c, round) })
			c.t.Logf("%s, round %d: %-30s %5.1f s", name, round+1, one.name, down.Seconds())
			all[one.name] = append(all[one.name], down)
		}
	}
	c.describe(name)
	fmt.Print("| | seconds without a ready API (median) | all rounds |\n|---|---|---|\n")
	for _, one := range contestants {
		fmt.Printf("| %s | %.1f | %s |\n", one.name, median(all[one.name]).Seconds(), each(all[one.name]))
	}
	return all
}

// measure is the downtime of a restore: until the API server has been ready for a
// while, so that one that goes away again counts.
func (c *cluster) measure(restore func()) time.Duration {
	began := time.Now()
	restore()
	err := lab.Eventually(c.t.Context(), 10*time.Second, func(context.Context) error {
		if c.ready.Downtime(began) == 0 {
			return fmt.Errorf("the API server was ready all the time")
		}
		return nil
	})
	if err != nil {
		c.t.Fatalf("%v", err)
	}
	c.settle()
	return c.ready.Downtime(began)
}

// claim is a ratio of medians that is promised.
type claim struct {
	text       string
	us, others []time.Duration
	limit      float64
}

// report prints what is claimed, as far as it was measured.
func report(tiny, large result) {
	us, hand := ours().name, byHand().name
	fmt.Print("\n| claim | reached | to reach | |\n|---|---|---|---|\n")
	for _, c := range []claim{
		{"downtime against the runbook, tiny database", tiny[us], tiny[hand], 0.4},
		{"downtime against the runbook, large database", large[us], large[hand], 0.4},
		{"downtime with the large database against the tiny one", large[us], tiny[us], 1.2},
	} {
		if len(c.us) == 0 || len(c.others) == 0 {
			continue
		}
		got, verdict := median(c.us).Seconds()/median(c.others).Seconds(), "yes"
		if got > c.limit {
			verdict = "no"
		}
		fmt.Printf("| %s | %.2f | %.2f | %s |\n", c.text, got, c.limit, verdict)
	}
}

func median(all []time.Duration) time.Duration {
	v := slices.Sorted(slices.Values(all))
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

func each(all []time.Duration) string {
	var v []string
	for _, d := range all {
		v = append(v, fmt.Sprintf("%.1f", d.Seconds()))
	}
	return strings.Join(v, " ")
}
