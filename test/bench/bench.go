package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/etcd-restore/etcd-restore/test/bench/fixture"
	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// bench is the workplace of one run.
type bench struct {
	t        etcdtest.T
	dir      string
	rounds   int
	note     func(string, ...any)
	options  fixture.Options
	snapshot string
	later    string // the snapshot of a cluster that has gone on

	ours, etcdutl, etcdctl string
	plugin                 string // for kubectl
	endpoint               string // of the server that the saves read from
	xfs                    string // where files can share blocks
}

// generate makes a snapshot, in a process of its own: what this one has mapped counts for
// its children.
func (b *bench) generate(name string, later int) (path string) {
	path = filepath.Join(b.dir, name)
	b.exec("go", "run", "./test/bench/gen", "-keys", fmt.Sprint(b.options.Keys), "-bytes", fmt.Sprint(b.options.Bytes), "-later", fmt.Sprint(later), path)
	return path
}

// sample is one measurement of one contestant.
type sample struct {
	took time.Duration
	rss  int64 // largest resident set, bytes
	heap int64 // largest Go heap, bytes; 0 if not asked for
}

// contestant is somebody who does the work of a group in its way.
type contestant struct {
	name    string
	prepare func(b *bench)        // not measured; may be nil
	run     func(b *bench) sample // measured
}

// claim is a ratio that is promised.
type claim struct {
	text  string
	of    string // contestant
	than  string // contestant it is compared with
	times float64
	limit float64
	value func(sample) float64
}

// group is a set of contestants that take turns.
type group struct {
	name        string
	setUp       func(b *bench) // once; may be nil
	contestants []contestant
	claims      []claim
}

func seconds(s sample) float64  { return s.took.Seconds() }
func resident(s sample) float64 { return float64(s.rss) }

func newBench(t etcdtest.T, dir string, rounds int, note func(string, ...any)) *bench {
	work, err := os.MkdirTemp(dir, "etcd-restore-bench-")
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(work); err != nil {
			note("%v", err)
		}
	})
	bin, err := filepath.Abs("bin")
	if err != nil {
		t.Fatalf("%v", err)
	}
	return &bench{
		t: t, dir: work, rounds: rounds, note: note,
		ours: filepath.Join(bin, "etcdctl-snapshot-x"), plugin: filepath.Join(bin, "kubectl-etcd_restore"),
		etcdutl: etcdtest.Binary(t, etcdtest.V37, "etcdutl"),
		etcdctl: etcdtest.Binary(t, etcdtest.V37, "etcdctl"),
	}
}

// compare runs a group and prints its table. Every round starts with another
// contestant, so that none always runs on the memory that another has just freed.
func (b *bench) compare(g group) {
	if g.setUp != nil {
		g.setUp(b)
	}
	samples := map[string][]sample{}
	for round := range b.rounds {
		for i := range g.contestants {
			c := g.contestants[(i+round)%len(g.contestants)]
			b.clear()
			if c.prepare != nil {
				c.prepare(b)
			}
			b.warm()
			b.settle()
			s := c.run(b)
			b.note("%s, round %d: %-40s %7.2fs  resident %4d MiB", g.name, round+1, c.name, s.took.Seconds(), s.rss>>20)
			samples[c.name] = append(samples[c.name], s)
		}
	}
	b.clear()
	fmt.Printf("\n### %s\n\n| | seconds (median) | all rounds | resident MiB |\n|---|---|---|---|\n", g.name)
	for _, c := range g.contestants {
		all := samples[c.name]
		fmt.Printf("| %s | %.2f | %s | %.0f |\n", c.name, median(all, seconds), each(all), median(all, resident)/(1<<20))
	}
	fmt.Printf("\n| claim | reached | to reach | |\n|---|---|---|---|\n")
	for _, cl := range g.claims {
		got := median(samples[cl.of], cl.value) / (median(samples[cl.than], cl.value) * cl.times)
		verdict := "yes"
		if got > cl.limit {
			verdict = "no"
		}
		fmt.Printf("| %s | %.2f | %.2f | %s |\n", cl.text, got, cl.limit, verdict)
	}
	if heap := slices.MaxFunc(slices.Concat(values(samples)...), func(a, b sample) int { return int(a.heap - b.heap) }).heap; heap > 0 {
		fmt.Printf("\nLargest Go heap of ours: %d MiB.\n", heap>>20)
	}
}

func values(m map[string][]sample) (all [][]sample) {
	for _, v := range m {
		all = append(all, v)
	}
	return all
}

func median(all []sample, value func(sample) float64) float64 {
	var v []float64
	for _, s := range all {
		v = append(v, value(s))
	}
	slices.Sort(v)
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

func each(all []sample) string {
	var v []string
	for _, s := range all {
		v = append(v, fmt.Sprintf("%.2f", s.took.Seconds()))
	}
	return strings.Join(v, " ")
}

// out is where contestants write. It is emptied before each.
func (b *bench) out(name string) string { return filepath.Join(b.dir, "out", name) }

func (b *bench) clear() {
	if err := os.RemoveAll(b.out("")); err != nil {
		b.t.Fatalf("%v", err)
	}
	if err := os.MkdirAll(b.out(""), 0o700); err != nil {
		b.t.Fatalf("%v", err)
	}
	syscall.Sync()
}

// warm brings the snapshot into the page cache, for everybody alike.
func (b *bench) warm() { b.exec("cat", b.snapshot) }

// exec runs a command and measures it.
func (b *bench) exec(name string, args ...string) sample {
	cmd := exec.CommandContext(b.t.Context(), name, args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if name == b.ours || name == b.plugin {
		cmd.Env = append(os.Environ(), "GODEBUG=gctrace=1")
	}
	start := time.Now()
	err := cmd.Run()
	took := time.Since(start)
	if err != nil {
		b.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, stderr.String())
	}
	usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	return sample{took: took, rss: usage.Maxrss << 10, heap: largestHeap(stderr.String())}
}

// then adds what one more step took.
func (s sample) then(next sample) sample {
	return sample{s.took + next.took, max(s.rss, next.rss), max(s.heap, next.heap)}
}

// gcHeap matches the heap sizes that the Go runtime traces: before, at the end
// of and after a collection.
var gcHeap = regexp.MustCompile(`(\d+)->(\d+)->\d+ MB`)

func largestHeap(trace string) (n int64) {
	for _, m := range gcHeap.FindAllStringSubmatch(trace, -1) {
		for _, v := range m[1:3] {
			mb, _ := strconv.ParseInt(v, 10, 64)
			n = max(n, mb<<20)
		}
	}
	return n
}
