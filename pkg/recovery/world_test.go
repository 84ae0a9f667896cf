package recovery_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/journal"
	"github.com/etcd-restore/etcd-restore/pkg/noderestore"
	"github.com/etcd-restore/etcd-restore/pkg/recovery"
	"github.com/etcd-restore/etcd-restore/pkg/transport"
)

// world is three nodes that do what nodes do, in journals that exist in memory only: what
// is tried here is the workstation, in every order in which things can go wrong.
type world struct {
	nodes []*node
	mu    sync.Mutex
	bell  chan struct{} // closed and made anew whenever anything happens
}

// node plays one node.
type node struct {
	w    *world
	name string

	run     string // its own name for the run, "" before it begins
	records []journal.Record
	working bool
	words   map[string]bool
	outcome string
	back    bool
	commit  bool
	jobs    []transport.Job
	down    bool                 // it cannot be reached
	deaf    map[string]bool      // words that do not get through
	fail    map[string]string    // why a step fails
	kill    string               // the step in which its process dies, once
	refuse  *transport.ExitError // of node plan FILE
	busy    string               // why what is left there ends without a run
	late    time.Duration        // until it does
	dead    error                // why nothing can be left there
	cut     chan struct{}        // closed when the connections break
}

func newWorld(names ...string) *world {
	w := &world{bell: make(chan struct{})}
	for _, name := range names {
		w.nodes = append(w.nodes, &node{w: w, name: name, words: map[string]bool{}, deaf: map[string]bool{}, fail: map[string]string{}, cut: make(chan struct{})})
	}
	return w
}

func (w *world) ways() recovery.Nodes {
	ways := recovery.Nodes{}
	for _, n := range w.nodes {
		ways[n.name] = n
	}
	return ways
}

func (w *world) node(name string) *node {
	return w.nodes[slices.IndexFunc(w.nodes, func(n *node) bool { return n.name == name })]
}

// change does something to the world, and lets everybody look.
func (w *world) change(do func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	do()
	close(w.bell)
	w.bell = make(chan struct{})
}

// await waits until the world is so.
func (w *world) await(ctx context.Context, so func() bool) error {
	for {
		w.mu.Lock()
		met, bell := so(), w.bell
		w.mu.Unlock()
		if met {
			return nil
		}
		select {
		case <-bell:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (n *node) write(r journal.Record) {
	n.w.change(func() {
		r.Seq, r.Time = len(n.records)+1, time.Now()
		n.records = append(n.records, r)
		switch r.Event {
		case journal.Committed:
			n.commit = true
		case journal.Undoing:
			n.back = true
		case journal.Finished:
			n.outcome, n.working = string(r.Outcome), false
		}
	})
}

// steps of a node, in their order.
var steps = []string{"stage/data", "stage/go", "stop/manifests", "stop/others", "cutover/manifest", "start/etcd", "start/commit", "verify/ready", "post-restore/tidy"}

var errKilled = errors.New("killed")

// work does what a node does. It goes on where the journal ends.
func (n *node) work(ctx context.Context, back bool) {
	if n.back {
		back = true
	}
	for _, step := range steps {
		if back {
			break
		}
		if n.has(step, journal.Done) {
			continue
		}
		n.write(journal.Record{Event: journal.Intent, Step: step})
		err := n.do(ctx, step)
		switch {
		case errors.Is(err, errKilled):
			n.w.change(func() { n.working = false })
			return
		case err != nil:
			n.write(journal.Record{Event: journal.Failed, Step: step, Error: err.Error()})
			if n.commit {
				n.w.change(func() { n.working = false })
				return
			}
			back = true
		default:
			n.write(journal.Record{Event: journal.Done, Step: step})
			if step == "start/commit" {
				n.write(journal.Record{Event: journal.Committed})
			}
		}
	}
	if !back {
		n.write(journal.Record{Event: journal.Finished, Outcome: journal.Complete})
		return
	}
	for _, step := range slices.Backward(steps) {
		if n.has(step, journal.Intent) && !n.has(step, journal.Undone) {
			n.write(journal.Record{Event: journal.Undoing, Step: step})
			n.write(journal.Record{Event: journal.Undone, Step: step})
		}
	}
	n.write(journal.Record{Event: journal.Finished, Outcome: journal.RolledBack})
}

func (n *node) has(step string, e journal.Event) bool {
	n.w.mu.Lock()
	defer n.w.mu.Unlock()
	return slices.ContainsFunc(n.records, func(r journal.Record) bool { return r.Step == step && r.Event == e })
}

// meeting is how long a node waits for the others with everything stopped.
const meeting = 2 * time.Minute

// took is how long each step takes at least.
const took = time.Second

// hold is how long it waits for the word.
const hold = 15 * time.Minute

func (n *node) do(ctx context.Context, step string) error {
	<-time.After(took) // by the clock of the bubble
	if why := n.fail[step]; why != "" {
		return errors.New(why)
	}
	killed := false
	n.w.change(func() {
		if killed = n.kill == step; killed {
			n.kill = ""
		}
	})
	if killed {
		return errKilled
	}
	told := func(word string) bool { return n.words[word] }
	switch step {
	case "stage/go":
		ctx, cancel := context.WithTimeout(ctx, hold)
		defer cancel()
		err := n.w.await(ctx, func() bool { return told("go") || told("abort") })
		if err != nil {
			return errors.New("nobody has told this node to go on")
		}
	case "stop/others":
		ctx, cancel := context.WithTimeout(ctx, meeting)
		defer cancel()
		all := func() bool {
			return !slices.ContainsFunc(n.w.nodes, func(o *node) bool {
				return !slices.ContainsFunc(o.records, func(r journal.Record) bool { return r.Step == "stop/others" })
			})
		}
		err := n.w.await(ctx, func() bool { return told("abort") || n.w.oneIsBack() || all() })
		if err != nil {
			return errors.New("the nodes have not met")
		}
		if n.w.givenUp() && !n.mustGiveUp() {
			return errors.New("the restore was given up by another node: cp1")
		}
	case "start/commit": // all must serve
		served := func() bool {
			return !slices.ContainsFunc(n.w.nodes, func(o *node) bool {
				return !slices.ContainsFunc(o.records, func(r journal.Record) bool { return r.Step == "start/etcd" && r.Event == journal.Done })
			})
		}
		_ = n.w.await(ctx, func() bool { return n.w.oneIsBack() || served() || told("abort") })
		if n.w.givenUp() {
			return errors.New("the restore was given up by another node: cp1")
		}
	}
	if step != "post-restore/tidy" && n.mustGiveUp() {
		return errors.New("told to give the restore up")
	}
	return nil
}

// oneIsBack is asked with the lock held.
// mustGiveUp reports whether it was told to while it still can.
func (n *node) mustGiveUp() bool {
	n.w.mu.Lock()
	defer n.w.mu.Unlock()
	return !n.commit && n.words["abort"]
}

// givenUp is oneIsBack for who does not hold the lock.
func (w *world) givenUp() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.oneIsBack()
}

func (w *world) oneIsBack() bool {
	return slices.ContainsFunc(w.nodes, func(n *node) bool { return n.back })
}

func (n *node) Name() string { return "host-" + n.name }
func (n *node) Close() error { return nil }

// Leave implements transport.Node.
func (n *node) Leave(ctx context.Context, j transport.Job) error {
	if err := n.reach(); err != nil {
		return err
	}
	if n.dead != nil {
		return n.dead
	}
	if n.busy != "" {
		n.w.change(func() { n.jobs = append(n.jobs, j) })
		return nil
	}
	busy := false
	n.w.change(func() {
		n.jobs = append(n.jobs, j)
		busy = n.working || n.outcome != ""
		n.working = n.outcome == ""
		if n.run == "" {
			n.run = "20260102T030405Z-aaaaaa"
		}
	})
	if busy {
		return nil
	}
	if len(n.records) == 0 {
		n.write(journal.Record{Event: journal.Created})
	}
	go n.work(context.WithoutCancel(ctx), slices.Contains(j.Args, "rollback"))
	return nil
}

func (n *node) reach() error {
	n.w.mu.Lock()
	defer n.w.mu.Unlock()
	if n.down {
		return fmt.Errorf("%s: %w", n.Name(), transport.ErrConnection)
	}
	return nil
}

// Cut breaks all connections, and lets none come about.
func (n *node) Cut() {
	n.w.change(func() {
		n.down = true
		close(n.cut)
		n.cut = make(chan struct{})
	})
}

func (n *node) Mend() { n.w.change(func() { n.down = false }) }

// Run implements transport.Node.
func (n *node) Run(ctx context.Context, c transport.Command) error {
	if err := n.reach(); err != nil {
		return err
	}
	switch args := c.Args; strings.Join(args[:2], " ") {
	case "node receive":
		return n.say(c, transport.Arrived{Path: "/uploads/" + args[5], Have: number(args[3]), Complete: true})
	case "node plan":
		if args[2] == "-" {
			return n.plan(c)
		}
		if n.refuse != nil {
			return n.refuse
		}
		return n.say(c, struct{}{})
	case "node tell":
		return n.tell(c, args[2], args[3])
	case "node follow":
		return n.follow(ctx, c)
	case "node runs":
		return n.say(c, map[string]any{"items": n.runs()})
	}
	return &transport.ExitError{Node: n.name, Code: 2, Message: fmt.Sprintf("unknown %q", c.Args)}
}

func number(s string) (n int64) {
	_, _ = fmt.Sscan(s, &n)
	return n
}

func (n *node) say(c transport.Command, v any) error {
	text, err := json.Marshal(v)
	if err == nil {
		_, err = c.Stdout.Write(append(text, '\n'))
	}
	return err
}

func (n *node) plan(c transport.Command) error {
	text, err := io.ReadAll(c.Stdin)
	if err != nil {
		return err
	}
	plan, err := noderestore.Decode(text)
	if err != nil {
		return &transport.ExitError{Node: n.name, Code: 2, Message: err.Error()}
	}
	plan.Node = part(n.name)
	return n.say(c, plan)
}

func part(name string) noderestore.Part {
	return noderestore.Part{Member: name, Mode: noderestore.ModeManifest, OldData: "/var/lib/etcd", NewData: "/var/lib/etcd-new", Folder: "/etc/kubernetes/manifests"}
}

func (n *node) tell(c transport.Command, word, _ string) error {
	deaf, none, late := false, false, false
	n.w.change(func() {
		deaf, none = n.deaf[word], n.run == ""
		late = word == "abort" && n.commit || word == "go" && n.back
		if !deaf && !none && !late {
			n.words[word] = true
		}
	})
	switch {
	case deaf:
		return fmt.Errorf("%s: %w", n.name, transport.ErrConnection)
	case none:
		return &transport.ExitError{Node: n.name, Code: 2, Message: "no such run"}
	case late:
		return &transport.ExitError{Node: n.name, Code: 6, Message: "it is too late"}
	}
	return n.say(c, struct{}{})
}

func (n *node) status() map[string]any {
	state := n.outcome
	switch {
	case state != "":
	case n.back:
		state = "going back"
	default:
		state = "unfinished"
	}
	step := ""
	for _, r := range n.records {
		if r.Step != "" {
			step = r.Step
		}
	}
	return map[string]any{
		"name": n.run, "state": state, "committed": n.commit, "goingBack": n.back, "working": n.working, "step": step,
		"decisionID": testID, "member": n.name, "members": []string{"cp1", "cp2", "cp3"},
	}
}

func (n *node) runs() []any {
	n.w.mu.Lock()
	defer n.w.mu.Unlock()
	if n.run == "" {
		return []any{}
	}
	return []any{n.status()}
}

func (n *node) follow(ctx context.Context, c transport.Command) error {
	n.w.mu.Lock()
	cut := n.cut
	n.w.mu.Unlock()
	if at := slices.Index(c.Args, "--job"); at > 0 && n.busy != "" && n.jobs[0].Name == c.Args[at+1] {
		<-time.After(n.late)
		return n.say(c, map[string]string{"absent": "no run was made: " + n.busy})
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-cut:
			cancel()
		case <-ctx.Done():
		}
	}()
	for told := 0; ; {
		var fresh []journal.Record
		var end map[string]any
		err := n.w.await(ctx, func() bool {
			fresh = slices.Clone(n.records[told:])
			if n.run != "" && (n.outcome != "" || !n.working) {
				end = n.status()
			}
			return len(fresh) > 0 || end != nil
		})
		if err != nil {
			return fmt.Errorf("%s: %w: it broke", n.name, transport.ErrConnection)
		}
		for _, r := range fresh {
			if err := n.say(c, map[string]any{"record": r}); err != nil {
				return err
			}
		}
		if told += len(fresh); end != nil {
			return n.say(c, map[string]any{"state": end})
		}
	}
}

// progress notes what it is told.
type progress struct {
	mu    sync.Mutex
	lines []string
	on    func(recovery.Status) // called whenever a node gets further
}

func (p *progress) Sent(node string, done, size int64) {}
func (p *progress) Phase(name string)                  { p.note("phase " + name) }
func (p *progress) Warn(err error)                     { p.note("warning " + err.Error()) }

func (p *progress) Node(s recovery.Status) {
	p.note(s.Node + " " + s.Phase + "/" + s.Step + " " + s.Event + " " + s.Outcome)
	if p.on != nil {
		p.on(s)
	}
}

func (p *progress) note(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lines = append(p.lines, line)
}

const testID = "20260102T030405Z-4f2a"

// testPlan is one for three nodes, with a snapshot that nobody reads.
func testPlan(t *testing.T) *recovery.Plan {
	t.Helper()
	file := filepath.Join(t.TempDir(), "snapshot.db")
	if err := os.WriteFile(file, []byte("snapshot"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := noderestore.Decision{
		ID: testID, Token: "token-4f2a", Snapshot: noderestore.Snapshot{Path: file, Size: 8},
		InitialCluster: "cp1=https://10.0.0.1:2380,cp2=https://10.0.0.2:2380,cp3=https://10.0.0.3:2380",
	}
	cluster, err := d.Cluster()
	if err != nil {
		t.Fatal(err)
	}
	d.ClusterID = fmt.Sprintf("%x", cluster.ID)
	p := &recovery.Plan{APIVersion: recovery.APIVersion, Kind: recovery.Kind, Decision: d, Nodes: map[string]noderestore.Part{}}
	for _, name := range []string{"cp1", "cp2", "cp3"} {
		p.Nodes[name] = part(name)
	}
	return p
}

func testOptions(p *progress) recovery.Options {
	return recovery.Options{
		Hold: hold, Meet: meeting, Serve: time.Minute, Reach: time.Minute, Timeout: 30 * time.Minute, Straggle: time.Minute,
		Progress: p, Command: func(words string) string { return "etcd-restore " + words },
	}
}
