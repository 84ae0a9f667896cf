package etcdrestore

import (
	"time"

	"github.com/etcd-restore/etcd-restore/plugins/internal/progress"
)

// patience is how long work may take before anything is said of it.
const patience = time.Second

// patient reports progress of what turns out to be slow.
type patient struct {
	reporter *progress.Reporter

	what        string
	total, done int64
	since       time.Time
	told        bool
}

// Start begins a piece of work.
func (p *patient) Start(what string, total int64) {
	*p = patient{reporter: p.reporter, what: what, total: total, since: time.Now()}
}

// Add counts n more bytes as done.
func (p *patient) Add(n int64) {
	p.done += n
	switch {
	case p.told:
		p.reporter.Add(n)
	case time.Since(p.since) > patience:
		p.told = true
		p.reporter.Start(p.what, p.total)
		p.reporter.Add(p.done)
	}
}

// Finish ends the piece of work.
func (p *patient) Finish() { p.reporter.Finish() }
