package etcdrestore

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/journal"
	"github.com/etcd-restore/etcd-restore/pkg/recovery"
	"github.com/etcd-restore/etcd-restore/plugins/internal/iostreams"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
	"github.com/etcd-restore/etcd-restore/plugins/internal/progress"
)

// clusterProgress shows how far all nodes are: a line each, redrawn in place on a
// terminal; elsewhere a line for what has ended.
type clusterProgress struct {
	w     io.Writer
	mode  progress.Mode
	names []string
	run   string
	stop  chan struct{}
	idle  sync.WaitGroup

	mu    sync.Mutex // guards what follows
	phase string
	begun time.Time // of the phase, here
	nodes map[string]*nodeProgress
	block block  // on a terminal
	rest  []byte // of what a hook has printed: the line that has no end yet
}

// nodeProgress is how far a node is.
type nodeProgress struct {
	recovery.Status
	done, size int64     // bytes that were sent
	told       time.Time // when of them, in lines
	since      time.Time // of the step, here
}

func newClusterProgress(o *Options, streams Streams, run string, names []string) *clusterProgress {
	c := &clusterProgress{
		w: streams.ErrOut, mode: o.Progress.On(streams.ErrOut), names: names, run: run, stop: make(chan struct{}),
		nodes: map[string]*nodeProgress{}, begun: time.Now(), block: block{w: streams.ErrOut},
	}
	for _, name := range names {
		c.nodes[name] = &nodeProgress{}
	}
	if c.mode == progress.Bar {
		c.idle.Go(c.tick)
	}
	return c
}

// tick draws anew now and then, for the time that goes by.
func (c *clusterProgress) tick() {
	t := time.NewTicker(250 * time.Millisecond)
	defer t.Stop()
	for {
		select {
		case <-c.stop:
			return
		case <-t.C:
			c.mu.Lock()
			c.draw("")
			c.mu.Unlock()
		}
	}
}

// Finish leaves what was drawn last.
func (c *clusterProgress) Finish() {
	select {
	case <-c.stop:
		return
	default:
	}
	close(c.stop)
	c.idle.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mode == progress.Bar {
		c.draw(string(ended(c.rest)))
	}
}

// Phase implements recovery.Progress.
func (c *clusterProgress) Phase(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.phase, c.begun = name, time.Now()
	switch c.mode {
	case progress.JSON:
		c.json(phaseLine{"phase", c.run, name})
	case progress.Plain:
		fmt.Fprintf(c.w, "%s: %s\n", name, phaseWords(name))
	case progress.Bar:
		c.draw("")
	}
}

// phaseWords say what goes on.
func phaseWords(phase string) string {
	return map[string]string{
		"upload":  "snapshot and plan onto all nodes",
		"stage":   "the new data are made, the old still serve",
		"go":      "all nodes are told to go on",
		"restore": "Ctrl-C ends the watching, not the restore",
		"back":    "all nodes are told to go back",
	}[phase]
}

// Sent implements transport.Progress.
func (c *clusterProgress) Sent(node string, done, size int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.nodes[node]
	if n == nil {
		return
	}
	n.done, n.size = done, size
	if now := time.Now(); done == size || now.Sub(n.told) >= 5*time.Second {
		n.told = now
		switch c.mode {
		case progress.JSON:
			c.json(sentLine{"upload", node, done, size})
		case progress.Plain:
			fmt.Fprintf(c.w, "%-12s upload  %s\n", output.Clean(node), n.figures())
		}
	}
}

func (n *nodeProgress) figures() string {
	if n.size == 0 {
		return ""
	}
	return fmt.Sprintf("%3d%%  %s/%s", 100*n.done/n.size, output.Size(n.done), output.Size(n.size))
}

// Node implements recovery.Progress.
func (c *clusterProgress) Node(s recovery.Status) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.nodes[s.Node]
	if n == nil {
		return
	}
	before := n.Status
	n.Status = s
	if before.Step != s.Step || before.Event != s.Event || n.since.IsZero() {
		n.since = time.Now()
	}
	switch c.mode {
	case progress.JSON:
		c.json(nodeLine{"node", s})
	case progress.Plain:
		c.plain(before, s)
	case progress.Bar:
		c.draw("")
	}
}

// plain has a line for a step that has ended, and for what nobody expects.
func (c *clusterProgress) plain(before, s recovery.Status) {
	name := fmt.Sprintf("%-12s", output.Clean(s.Node))
	step := output.Clean(fmt.Sprintf("%-9s %s/%s", s.Event, s.Phase, s.Step))
	switch {
	case s.Lost != before.Lost && s.Lost != "" && before.Lost == "":
		fmt.Fprintf(c.w, "%s not heard of: %s\n", name, output.Clean(s.Lost))
	case s.Absent != before.Absent:
		fmt.Fprintf(c.w, "%s %s\n", name, output.Clean(s.Absent))
	case s.Outcome != before.Outcome:
		fmt.Fprintf(c.w, "%s %s\n", name, output.Clean(s.Outcome))
	case s.Still && !before.Still && s.Outcome == "":
		fmt.Fprintf(c.w, "%s no process is at work\n", name)
	case before.Step == s.Step && before.Event == s.Event, s.Event == string(journal.Intent), s.Event == string(journal.Undoing):
	case s.Event == string(journal.Failed):
		fmt.Fprintf(c.w, "%s %s  %s\n", name, step, output.Clean(s.Error))
	default:
		took := ""
		if before.Step == s.Step && s.Since.After(before.Since) {
			took = fmt.Sprintf("  %.1fs", s.Since.Sub(before.Since).Seconds())
		}
		fmt.Fprintf(c.w, "%s %s%s\n", name, step, took)
	}
}

// Warn implements recovery.Progress.
func (c *clusterProgress) Warn(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.say("warning: " + output.Clean(err.Error()))
}

// Hook tells that a hook runs. What it prints comes below.
func (c *clusterProgress) Hook(when string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.say("hook " + when)
}

// Write takes what a hook prints. On a terminal it goes above what is redrawn, in whole
// lines.
func (c *clusterProgress) Write(text []byte) (int, error) {
	if c.mode != progress.Bar {
		return c.w.Write(text)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rest = append(c.rest, text...)
	if end := bytes.LastIndexByte(c.rest, '\n') + 1; end > 0 {
		c.draw(string(c.rest[:end]))
		c.rest = c.rest[end:]
	}
	return len(text), nil
}

// ended is a line with its end.
func ended(line []byte) []byte {
	if len(line) == 0 {
		return nil
	}
	return append(line, '\n')
}

// say writes a line above what is redrawn.
func (c *clusterProgress) say(line string) {
	switch c.mode {
	case progress.JSON:
		c.json(sayLine{"message", line})
	case progress.Bar:
		c.draw(line + "\n")
	default:
		fmt.Fprintln(c.w, line)
	}
}

// draw writes the lines of all nodes where they stood before, and text above them. They
// are as many as fit a small terminal; it is plain ASCII. What may have to give way to its
// width stands last.
func (c *clusterProgress) draw(text string) {
	var lines []string
	if c.phase != "" {
		width := iostreams.Width(c.w, columns) - 1
		lines = append(lines, cut(fmt.Sprintf("%s  %s %s: %s", c.run, c.phase, short4(time.Since(c.begun)), phaseWords(c.phase)), width))
		for _, name := range c.names[:min(len(c.names), maxLines)] {
			lines = append(lines, cut(c.line(name), width))
		}
	}
	_ = c.block.draw(text, lines) // progress that cannot be written is no reason to fail the work
}

// maxLines leaves room on a screen of 24 lines.
const maxLines = 18

func (c *clusterProgress) line(name string) string {
	n := c.nodes[name]
	text := fmt.Sprintf("  %-12s ", name)
	switch {
	case n.Outcome != "":
		text += n.Outcome
	case n.Absent != "":
		text += n.Absent
	case n.Lost != "":
		text += fmt.Sprintf("%s/%s, not heard of for %s: %s", n.Phase, n.Step, short4(time.Since(n.LostSince)), n.Lost)
	case n.Still:
		text += fmt.Sprintf("%s/%s, and no process is at work", n.Phase, n.Step)
	case n.Step == "" && n.size > 0 && n.done == n.size:
		text += "has the snapshot"
	case n.Step == "":
		text += strings.TrimSpace(fmt.Sprintf("%s %s %s", c.phase, bar(n.done, n.size, 24), n.figures()))
	case n.Held:
		text += fmt.Sprintf("staged, waits for the word  %s", short4(time.Since(n.since)))
	case n.Event == string(journal.Failed):
		text += fmt.Sprintf("%s/%s failed: %s", n.Phase, n.Step, n.Error)
	case n.GoingBack:
		text += fmt.Sprintf("goes back: %s/%s  %s", n.Phase, n.Step, short4(time.Since(n.since)))
	default:
		text += fmt.Sprintf("%s/%s  %s", n.Phase, n.Step, short4(time.Since(n.since)))
	}
	return text
}

// bar is as long as what is done of all.
func bar(done, size int64, width int) string {
	if size <= 0 {
		return ""
	}
	filled := int(int64(width) * min(done, size) / size)
	return "[" + strings.Repeat("=", filled) + strings.Repeat(" ", width-filled) + "]"
}

func short4(d time.Duration) string { return d.Round(time.Second).String() }

// The forms of the lines of --progress=json.
type (
	phaseLine struct {
		MessageType string `json:"message_type"`
		Run         string `json:"run"`
		Phase       string `json:"phase"`
	}
	sentLine struct {
		MessageType string `json:"message_type"`
		Node        string `json:"node"`
		Done        int64  `json:"done"`
		Total       int64  `json:"total"`
	}
	nodeLine struct {
		MessageType string `json:"message_type"`
		recovery.Status
	}
	sayLine struct {
		MessageType string `json:"message_type"`
		Message     string `json:"message"`
	}
)

func (c *clusterProgress) json(line any) {
	// Progress that cannot be written is no reason to fail the work.
	_ = json.NewEncoder(c.w).Encode(line)
}
