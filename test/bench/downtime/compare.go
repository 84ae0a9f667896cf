package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/etcd-restore/etcd-restore/test/e2e/lab"
	"github.com/etcd-restore/etcd-restore/test/e2e/probe"
)

// result is what every round of each contestant took.
type result map[string][]downtime

// downtime is how long no API server was ready, and how long at least one was not. On one
// node the two are one.
type downtime struct{ none, some time.Duration }

func none(d downtime) time.Duration { return d.none }
func some(d downtime) time.Duration { return d.some }

// compare takes a snapshot and lets the contestants restore it in turns.
func (c *cluster) compare(name string, rounds int) result {
	c.settle()
	c.takeSnapshot()
	contestants := []contestant{byHand()}
	if c.withPlugin {
		contestants = append(contestants, c.ours())
	}
	all := result{}
	for round := range rounds {
		for i := range contestants {
			one := contestants[(i+round)%len(contestants)]
			c.clean()
			c.settle()
			down := c.measure(func() { one.run(c, round) })
			c.t.Logf("%s, round %d: %-30s %5.1f s, %5.1f s until all were ready", name, round+1, one.name, down.none.Seconds(), down.some.Seconds())
			all[one.name] = append(all[one.name], down)
		}
	}
	c.describe(name)
	fmt.Print("| | seconds without a ready API (median) | all rounds | until every API server was ready | all rounds |\n|---|---|---|---|---|\n")
	for _, one := range contestants {
		n, s := of(all[one.name], none), of(all[one.name], some)
		fmt.Printf("| %s | %.1f | %s | %.1f | %s |\n", one.name, median(n).Seconds(), each(n), median(s).Seconds(), each(s))
	}
	return all
}

// measure is the downtime of a restore: until the API servers have been ready for a
// while, so that one that goes away again counts.
func (c *cluster) measure(restore func()) (d downtime) {
	began := time.Now()
	restore()
	err := lab.Eventually(c.t.Context(), 10*time.Second, func(context.Context) error {
		if d.none, d.some = probe.Outage(began, c.ready...); d.none == 0 {
			return fmt.Errorf("an API server was ready all the time")
		}
		return nil
	})
	if err != nil {
		c.t.Fatalf("%v", err)
	}
	c.settle()
	d.none, d.some = probe.Outage(began, c.ready...)
	return d
}

// of is one of the two times of every round.
func of(all []downtime, which func(downtime) time.Duration) (times []time.Duration) {
	for _, d := range all {
		times = append(times, which(d))
	}
	return times
}

// takeSnapshot takes one and brings it to every node and the workstation: that is not what
// is measured.
func (c *cluster) takeSnapshot() {
	c.node.Must(c.t, "rm", "-f", snapshot)
	c.node.Snapshot(c.t, snapshot)
	c.work.Copy(c.t, c.node, snapshot, "snap.db")
	for _, n := range c.nodes[1:] {
		c.node.CopyTo(c.t, snapshot, n.Disk(snapshot))
	}
}

// claim is a ratio of medians that is promised.
type claim struct {
	text       string
	us, others []time.Duration
	limit      float64
}

// report prints what is claimed, as far as it was measured.
func (c *cluster) report(tiny, large result) {
	us, hand := c.ours().name, byHand().name
	claims := []claim{
		{"downtime against the runbook, tiny database", of(tiny[us], none), of(tiny[hand], none), c.limit()},
		{"downtime against the runbook, large database", of(large[us], none), of(large[hand], none), c.limit()},
		{"downtime with the large database against the tiny one", of(large[us], none), of(tiny[us], none), 1.2},
	}
	if len(c.nodes) > 1 {
		claims = append(claims,
			claim{"until every API server is ready against the runbook, tiny database", of(tiny[us], some), of(tiny[hand], some), c.limit()},
			claim{"until every API server is ready against the runbook, large database", of(large[us], some), of(large[hand], some), c.limit()},
			claim{"until every API server is ready with the large database against the tiny one", of(large[us], some), of(tiny[us], some), 1.2})
	}
	fmt.Print("\n| claim | reached | to reach | |\n|---|---|---|---|\n")
	for _, c := range claims {
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

// limit is what part of the runbook's downtime is promised.
func (c *cluster) limit() float64 {
	if len(c.nodes) > 1 {
		return 0.3
	}
	return 0.4
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
