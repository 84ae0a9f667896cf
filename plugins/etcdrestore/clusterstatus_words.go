package etcdrestore

import (
	"cmp"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/etcd-restore/etcd-restore/pkg/topology"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
)

// words is one screen for a person in a hurry: what it comes to last, where the eye is.
func (s clusterStatus) words() string {
	var p page
	s.headWords(&p)
	s.nodeWords(&p)
	s.findingWords(&p)
	p.section("")
	p.fold("", "  ", strings.ToUpper(s.Verdict.State)+": "+s.Verdict.Message)
	if len(s.Next) > 0 {
		p.line("next:")
		for _, c := range s.Next {
			p.command(c)
		}
	}
	return p.String()
}

func (s clusterStatus) headWords(p *page) {
	name := ""
	if s.Kubernetes != nil {
		name = s.Kubernetes.Cluster
	}
	p.section("%s, %s", joined(" ", "CONTROL PLANE", name), s.Time.Format("2006-01-02 15:04:05 MST"))
	switch k := s.Kubernetes; {
	case k != nil:
		ready := 0
		for _, n := range k.Nodes {
			if n.Ready {
				ready++
			}
		}
		p.fact("API server", "%s answers, %d of %s ready", k.Server, ready, count(len(k.Nodes), "node"))
	case s.KubernetesErr != "":
		p.fact("API server", "%s", clip(s.KubernetesErr, 2*(columns-labelWidth)))
	}
	if s.ClusterID != "" {
		p.fact("etcd", "cluster %s", s.ClusterID)
	}
}

// clip keeps a text of somebody else's from filling the screen.
func clip(text string, width int) string {
	return cut(strings.Join(strings.Fields(text), " "), width)
}

// nodeWords is a table of the nodes.
func (s clusterStatus) nodeWords(p *page) {
	if len(s.Nodes) == 0 {
		return
	}
	rows := [][]string{{"NODE", "ETCD", "ROLE", "REVISION", "DB", "FREE", "CERTS", "KUBELET", "API"}}
	for i := range s.Nodes {
		rows = append(rows, s.row(&s.Nodes[i]))
	}
	p.raw("")
	p.table(rows)
}

func (s clusterStatus) row(n *topology.Node) []string {
	state := string(n.State)
	if n.Excluded {
		state = "left out"
	}
	r := n.Report
	if r == nil {
		return []string{n.Name, state, none1, none1, none1, none1, none1, none1, none1}
	}
	part := none1
	switch {
	case n.Member == nil:
		part = "no member"
	case n.State == topology.Serving:
		part = role(r.Health)
	case n.Member.Learner:
		part = "learner"
	}
	revision, size, free := none1, none1, none1
	if v := r.Revision(); v > 0 {
		revision = fmt.Sprint(v)
	}
	if r.Data.DBSize > 0 {
		size = output.Size(r.Data.DBSize)
	}
	if r.Data.Free > 0 {
		free = output.Size(r.Data.Free)
	}
	return []string{n.Name, state, part, revision, size, free, s.expiry(r), kubeletWord(r.Kubelet), s.apiServer(r)}
}

// none1 stands for what there is none of, or is not known.
const none1 = "-"

// expiry is when the first certificate ends.
func (s clusterStatus) expiry(r *topology.Report) string {
	var first *time.Time
	for _, c := range r.Certificates {
		if c.State == "bad" {
			return "BAD"
		}
		if c.Expires != nil && (first == nil || c.Expires.Before(*first)) {
			first = c.Expires
		}
	}
	if first == nil {
		return none1
	}
	return ago(first.Sub(s.Time))
}

func kubeletWord(k topology.Kubelet) string {
	switch {
	case !k.Running:
		return "down"
	case !k.Healthy:
		return "sick"
	}
	return "ok"
}

func (s clusterStatus) apiServer(r *topology.Report) string {
	for _, c := range r.Manifests.Components {
		switch {
		case c.Name != "kube-apiserver":
		case c.Container == nil && r.Runtime.Error != "":
			return "?"
		case c.Container == nil:
			return "none"
		case c.Container.State == "running":
			return "runs"
		default:
			return cmp.Or(c.Container.State, "?")
		}
	}
	return none1
}

// A screen has no more room.
const mostFindings = 5

func (s clusterStatus) findingWords(p *page) {
	if len(s.Findings) == 0 || s.Verdict.State == topology.StateExternal {
		return
	}
	p.section("PROBLEMS")
	for i, f := range s.Findings {
		if i == mostFindings-1 && len(s.Findings) > mostFindings {
			p.line("  and %d more: see -o json", len(s.Findings)-i)
			return
		}
		p.fold("  ", "    ", clip(f.Message, 2*(columns-8)))
		if resolvedByHand(f) {
			p.way("    ", f.Resolve)
		}
	}
}

// way writes what a person can do. A flag stays whole with its value, whatever the length:
// it is pasted.
func (p *page) way(indent, text string) {
	line := ""
	for _, piece := range pieces(output.Clean(text)) {
		switch {
		case line == "":
			line = indent + piece
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(piece) <= columns:
			line += " " + piece
		default:
			p.raw(line)
			line = indent + piece
		}
	}
	p.raw(line)
}

// pieces are the words of a text, a flag together with its value.
func pieces(text string) (all []string) {
	words := strings.Fields(text)
	for i := 0; i < len(words); i++ {
		piece := words[i]
		if strings.HasPrefix(piece, "--") && !strings.HasSuffix(piece, ",") && i+1 < len(words) {
			i++
			piece += " " + words[i]
		}
		all = append(all, piece)
	}
	return all
}

// resolvedByHand reports whether the commands that are printed next leave a finding to
// the person.
func resolvedByHand(f topology.Finding) bool {
	switch f.Kind {
	case topology.NodeUnreachable, topology.EtcdExternal:
		return false
	}
	return f.Resolve != ""
}

// table writes rows in columns as wide as they must be. The first, which has names, gives
// way if a line would be too long.
func (p *page) table(rows [][]string) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			row[i] = output.Clean(cell)
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
		}
	}
	total := 2 * (len(widths) - 1)
	for _, w := range widths {
		total += w
	}
	if total > columns {
		widths[0] = max(widths[0]-(total-columns), min(widths[0], 8))
	}
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			fmt.Fprintf(&line, "%-*s  ", widths[i], cut(cell, widths[i]))
		}
		p.raw(strings.TrimRight(line.String(), " "))
	}
}
