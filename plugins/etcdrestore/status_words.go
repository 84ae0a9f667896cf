package etcdrestore

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/etcd-restore/etcd-restore/pkg/topology"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
)

// words is one screen for a person in a hurry: what is wrong last, where the eye is.
func (s nodeStatus) words() string {
	var p page
	p.section("NODE %s, %s", s.Hostname, s.Time.Format("2006-01-02 15:04:05 MST"))
	s.manifestWords(&p)
	s.etcdWords(&p)
	s.kubeletWords(&p)
	s.certificateWords(&p)
	s.strayWords(&p)
	s.runWords(&p)
	s.Verdict.words(&p)
	return p.String()
}

func (s nodeStatus) manifestWords(p *page) {
	p.section("STATIC PODS in %s", s.Manifests.Path)
	if s.Manifests.Error != "" {
		p.fact("manifests", "%s", s.Manifests.Error)
	}
	for _, c := range s.Manifests.Components {
		name := fmt.Sprintf("  %-25s", c.Name)
		indent := strings.Repeat(" ", len(name))
		p.fold(name, indent, s.containerWords(c.Container)+fileWords(c))
	}
}

// fileWords are for a manifest that is not where kubeadm puts it.
func fileWords(c topology.Component) string {
	switch {
	case c.Error != "":
		return "; " + c.Error
	case c.File != "" && c.File != c.Name+".yaml":
		return "; manifest " + c.File
	}
	return ""
}

// containerWords say what a container does, and for how long.
func (s nodeStatus) containerWords(c *topology.Container) string {
	if c == nil {
		if s.Runtime.Error != "" {
			return "container not known"
		}
		return "no container"
	}
	text, since := c.State, c.Started
	if c.State == "exited" {
		text += fmt.Sprintf(" with %d", c.ExitCode)
		if c.Reason != "" && c.Reason != "Completed" && c.Reason != "Error" {
			text += " (" + c.Reason + ")"
		}
		since = c.Finished
	}
	switch {
	case since == nil:
	case c.State == "running":
		text += " for " + ago(s.Time.Sub(*since))
	default:
		text += " " + ago(s.Time.Sub(*since)) + " ago"
	}
	if c.Restarts > 0 {
		text += ", " + count(int(c.Restarts), "restart")
	}
	return text
}

func (s nodeStatus) etcdWords(p *page) {
	e, d, h := s.Etcd, s.Data, s.Health
	p.section("ETCD")
	p.fact("member", "%s", joined(" ", e.Name, parens(joined(", ", d.MemberID, prefixed("cluster ", d.ClusterID)))))
	p.fact("version", "%s", joined(", ", e.Version, e.Image))
	p.fact("peer URL", "%s", strings.Join(e.PeerURLs, ", "))
	p.fact("flags", "%s", e.FlagsError)
	switch {
	case h.Error != "":
		p.fact("health", "no answer: %s", h.Error)
	case h.Serves:
		p.fact("health", "serves at %s as %s, revision %d, term %d", h.Endpoint, role(h), h.Revision, h.Term)
	default:
		p.fact("health", "answers at %s and has no leader, revision %d", h.Endpoint, h.Revision)
	}
	if len(h.Alarms) > 0 {
		p.fact("alarms", "%s", strings.Join(h.Alarms, ", "))
	}
	s.dataWords(p)
}

func role(h topology.Health) string {
	switch {
	case h.IsLeader:
		return "leader"
	case h.Learner:
		return "learner"
	}
	return "follower"
}

func (s nodeStatus) dataWords(p *page) {
	d := s.Data
	where := d.Path
	if d.Assumed {
		where += " (kubeadm's default: no manifest tells)"
	}
	if d.Error != "" {
		p.fact("data", "%s", d.Error)
		return
	}
	if d.MountPoint {
		where += ", a mount point"
	}
	p.fact("data", "%s: %s, %s free", where, output.Size(d.Size), output.Size(d.Free))
	if d.WALPath != "" {
		p.fact("log", "%s: %s free", d.WALPath, output.Size(d.WALFree))
	}
	if d.DBSize > 0 {
		size := output.Size(d.DBSize)
		if s.Etcd.Quota > 0 {
			size += fmt.Sprintf(" of %s that it may have (%d %%)", output.Size(s.Etcd.Quota), int(math.Ceil(100*d.QuotaUse)))
		}
		p.fact("database", "%s", size)
	}
	p.fact("", "%s", d.DatabaseError)
	if d.ConsistentIndex > 0 {
		text := fmt.Sprintf("revision %d, raft index %d", d.Revision, d.ConsistentIndex)
		switch {
		case d.InUse:
			text += ", read beside the running etcd"
		case d.HighestRevision > d.Revision:
			text += fmt.Sprintf("; with the log at most %d", d.HighestRevision)
		}
		p.fact("", "%s", text)
	}
	if len(d.Members) > 1 {
		var names []string
		for _, m := range d.Members {
			names = append(names, joined(" ", m.Name, strings.Join(m.PeerURLs, ",")))
		}
		p.fact("members", "%s", strings.Join(names, ", "))
	}
}

func (s nodeStatus) kubeletWords(p *page) {
	k, r := s.Kubelet, s.Runtime
	p.section("KUBELET AND RUNTIME")
	switch {
	case !k.Running:
		p.fact("kubelet", "%s", k.Error)
	case !k.Healthy:
		p.fact("kubelet", "process %d: %s", k.PID, k.Error)
	default:
		p.fact("kubelet", "healthy, process %d, started %s ago", k.PID, ago(s.Time.Sub(*k.Started)))
	}
	p.fact("", "%s", k.ConfigError)
	if r.Error != "" {
		p.fact("runtime", "%s", r.Error)
		return
	}
	p.fact("runtime", "%s %s at %s", r.Name, r.Version, r.Endpoint)
}

// certificateWords name those that are no good, and the one that will be next.
func (s nodeStatus) certificateWords(p *page) {
	p.section("CERTIFICATES")
	var next *topology.Certificate
	var good int
	var unreadable []string
	for _, c := range s.Certificates {
		switch c.State {
		case "bad":
			p.fact("bad", "%s", c.Error)
		case "unreadable":
			unreadable = append(unreadable, c.Error)
		default:
			good++
			if next == nil || c.Expires.Before(*next.Expires) {
				next = &c
			}
		}
	}
	if next != nil {
		p.fact(fmt.Sprintf("good: %d", good), "the first to expire is %s, on %s, in %s",
			next.Name, next.Expires.Format("2006-01-02"), ago(next.Expires.Sub(s.Time)))
	}
	if len(unreadable) > 0 {
		p.fact(fmt.Sprintf("not read: %d", len(unreadable)), "%s", unreadable[0])
	}
}

func (s nodeStatus) strayWords(p *page) {
	if len(s.Manifests.Stray) == 0 {
		return
	}
	p.section("IN THE WAY in %s", s.Manifests.Path)
	for _, f := range s.Manifests.Stray {
		p.fold("  ", "      ", f.File+": "+f.Detail)
	}
}

func (s nodeStatus) runWords(p *page) {
	if s.Runs.Error == "" && len(s.Runs.Unfinished) == 0 {
		return
	}
	p.section("UNFINISHED RUNS in %s", s.Runs.Path)
	if s.Runs.Error != "" {
		p.fold("  ", "  ", s.Runs.Error)
	}
	for _, r := range slices.Backward(s.Runs.Unfinished) {
		p.fold("  ", "      ", r.line())
	}
}

func (v verdict) words(p *page) {
	p.section("")
	p.fold("", "  ", strings.ToUpper(v.State)+": "+v.Message)
	if len(v.Next) == 0 {
		return
	}
	p.line("next:")
	for _, c := range v.Next {
		p.command(c)
	}
}
