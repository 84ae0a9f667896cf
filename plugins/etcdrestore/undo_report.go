package etcdrestore

import (
	"fmt"
	"strings"

	"github.com/etcd-restore/etcd-restore/pkg/undo"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
)

// undoReport is the form of undo -o json.
type undoReport struct {
	TypeMeta
	Snapshot string     `json:"snapshot"`
	Revision int64      `json:"revision"`
	Server   string     `json:"server"`
	DryRun   bool       `json:"dryRun"`
	Error    string     `json:"error,omitempty"` // what ended it early
	Objects  []undoFact `json:"objects"`
	Warnings []string   `json:"warnings"`

	command string // that does it
	force   bool
}

// undoFact is what becomes of an object, or has become of it.
type undoFact struct {
	Action    undo.Action `json:"action"`
	Done      bool        `json:"done"`
	Resource  string      `json:"resource"`
	Namespace string      `json:"namespace,omitempty"`
	Name      string      `json:"name"`
	Needed    bool        `json:"needed,omitempty"` // by what was chosen
	Reason    string      `json:"reason,omitempty"`
	Fields    []string    `json:"fields,omitempty"` // that differ
	Notes     []string    `json:"notes,omitempty"`
	Untried   string      `json:"untried,omitempty"` // why there was no dry run
}

func newUndoReport(o *UndoOptions, server string, revision int64) *undoReport {
	words := []string{o.Program, "undo", output.Quote(o.Snapshot)}
	for _, c := range o.Chosen {
		words = append(words, output.Quote(c))
	}
	for _, f := range [][2]string{{"-n", o.namespace()}, {"-l", o.Selector}, {"--" + providerConfigFlag, o.Config}, {"--etcd-prefix", o.Prefix}} {
		if f[1] != "" {
			words = append(words, f[0], output.Quote(f[1]))
		}
	}
	if o.Revision > 0 {
		words = append(words, fmt.Sprintf("--revision %d", o.Revision))
	}
	if o.Force {
		words = append(words, "--force")
	}
	return &undoReport{
		TypeMeta: TypeMeta{apiVersion, "Undo"}, Snapshot: o.Snapshot, Revision: revision, Server: server, DryRun: !o.Yes,
		Objects: []undoFact{}, Warnings: []string{}, command: strings.Join(words, " ") + o.connection(), force: o.Force,
	}
}

func (r *undoReport) take(p *undo.Plan) {
	for _, i := range p.Items {
		r.Objects = append(r.Objects, undoFact{
			Action: i.Action, Done: i.Done, Resource: i.Resource.String(), Namespace: i.Namespace, Name: i.Name, Needed: i.Needed,
			Reason: i.Reason, Fields: i.Fields, Notes: i.Notes, Untried: i.Untried,
		})
	}
	r.Warnings = list(p.Warnings)
}

// failure is the error of an undo, or of its dry run, that has ended with err.
func (r *undoReport) failure(err error) error {
	if err != nil {
		return output.WithHint(err, "the same command goes on where it has come to: %s --yes", r.command)
	}
	n := r.count(undo.Fail)
	if n > 0 && r.DryRun {
		return output.WithHint(fmt.Errorf("%w: %s cannot be", errUndone, count(n, "object")), "see to what is marked x above, or put back the rest")
	}
	if n > 0 {
		return output.WithHint(fmt.Errorf("%w: %s could not", errUndone, count(n, "object")), "see to what is marked x above, and run it again: what is there stays")
	}
	return nil
}

func (r *undoReport) count(actions ...undo.Action) (n int) {
	for _, f := range r.Objects {
		for _, a := range actions {
			if f.Action == a {
				n++
			}
		}
	}
	return n
}

// done is how many objects were put back.
func (r *undoReport) done() (n int) {
	for _, f := range r.Objects {
		if f.Done {
			n++
		}
	}
	return n
}

func (r *undoReport) words() string {
	var p page
	verb := "Objects of"
	if !r.DryRun {
		verb = "Put back from"
	}
	p.fold("", "", fmt.Sprintf("%s %s, as of revision %d, into %s", verb, r.Snapshot, r.Revision, r.Server))
	if shown := r.count(undo.Create, undo.Replace, undo.Conflict, undo.Fail); shown > 0 {
		p.section("")
	}
	for _, f := range r.Objects {
		f.print(&p, r)
	}
	r.sums(&p)
	for _, w := range r.Warnings {
		p.fold("warning: ", "         ", w)
	}
	if r.DryRun && r.count(undo.Create, undo.Replace) > 0 {
		p.section("Nothing was changed. To do it:")
		p.command(r.command + " --yes")
	}
	return p.String()
}

// print writes an object and, below it, what there is to know. What is left alone is
// only counted.
func (f undoFact) print(p *page, r *undoReport) {
	sign := map[undo.Action]string{undo.Create: "+", undo.Replace: "~", undo.Conflict: "!", undo.Fail: "x"}[f.Action]
	if sign == "" {
		return
	}
	p.raw(output.Clean(sign + " " + f.Resource + "/" + joined("/", f.Namespace, f.Name)))
	below := func(text string) { p.fold("    ", "    ", text) }
	switch {
	case f.Action == undo.Conflict:
		below("it is there and differs in " + few(f.Fields) + "; --force replaces it")
	case f.Action == undo.Replace:
		below("differs in " + few(f.Fields))
	case f.Action == undo.Fail:
		below(f.Reason)
	case !r.DryRun && !f.Done:
		below("not done: it ended before that")
	}
	if f.Needed {
		below("the others need it")
	}
	for _, n := range f.Notes {
		below(n)
	}
}

// few are the first of some words.
func few(words []string) string {
	const some = 5
	if len(words) > some {
		return strings.Join(words[:some], ", ") + fmt.Sprintf(" and %d more", len(words)-some)
	}
	return strings.Join(words, ", ")
}

// sums counts the objects of which there is no line.
func (r *undoReport) sums(p *page) {
	left, untried := counter{}, counter{}
	for _, f := range r.Objects {
		if f.Action == undo.Leave {
			left.add(f.Resource + ", " + f.Reason)
		}
		if r.DryRun && f.Untried != "" && (f.Action == undo.Create || f.Action == undo.Replace) {
			untried.add(f.Untried)
		}
	}
	p.section("")
	changes, verb := r.count(undo.Create, undo.Replace), "to put back"
	if !r.DryRun {
		changes, verb = r.done(), "put back"
	}
	p.line("%s %s, %d there as they were, %d differ, %d cannot be put back",
		count(changes, "object"), verb, r.count(undo.Same), r.count(undo.Conflict), r.count(undo.Fail))
	left.each(func(what string, n int) { p.fold("left out: ", "          ", fmt.Sprintf("%s (%d)", what, n)) })
	untried.each(func(why string, n int) {
		p.fold("note: ", "      ", fmt.Sprintf("%s not tried in a dry run: %s", count(n, "object"), why))
	})
}

// counter counts words in the order in which they come.
type counter struct {
	words []string
	times map[string]int
}

func (c *counter) add(word string) {
	if c.times == nil {
		c.times = map[string]int{}
	}
	if c.times[word]++; c.times[word] == 1 {
		c.words = append(c.words, word)
	}
}

func (c *counter) each(visit func(word string, n int)) {
	for _, w := range c.words {
		visit(w, c.times[w])
	}
}
