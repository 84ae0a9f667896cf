package etcdrestore

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/kubediff"
	"github.com/etcd-restore/etcd-restore/pkg/kubeobject"
	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
)

// lossPatience is how long the comparison of all objects may take: a restore must not
// wait for what only informs.
const lossPatience = 30 * time.Second

// objectLoss is what a restore would do to the objects that an API server serves now.
type objectLoss struct {
	server  string
	tally   kubediff.Tally
	skipped []error // resources that could not be listed, and why
	unknown string  // why there is nothing to tell
	more    string  // the command that tells more
}

// objectLoss compares the snapshot with the API server of the kubeconfig, if it answers.
func (o *ClusterPlanOptions) objectLoss(ctx context.Context, path string) *objectLoss {
	l := &objectLoss{more: fmt.Sprintf("%s diff %s --live", o.Program, output.Quote(path))}
	comparing, cancel := context.WithTimeout(ctx, lossPatience)
	defer cancel()
	blank := *l
	found, err := within(comparing, func() (*objectLoss, error) {
		err := blank.compare(comparing, o, path)
		return &blank, err
	})
	if found != nil {
		l = found
	}
	switch {
	case ctx.Err() != nil:
	case comparing.Err() != nil:
		l.unknown = fmt.Sprintf("not within %s", lossPatience)
	default:
		l.unknown = message(err)
	}
	return l
}

func (l *objectLoss) compare(ctx context.Context, o *ClusterPlanOptions, path string) error {
	config, err := o.restConfig()
	if err != nil {
		return err
	}
	l.server = config.Host
	f, err := snapshot.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	index, names, err := indexOf(ctx, f, kubeobject.Options{})
	if err != nil {
		return err
	}
	live, err := newLive(briskly(config))
	if err != nil {
		return err
	}
	all := kubediff.Options{Wanted: func(kubeobject.Path) bool { return true }}
	l.skipped, err = live.Compare(ctx, index, names, all, func(c kubediff.Change) error {
		l.tally.Add(c)
		return nil
	})
	return plainly(config.Host, err)
}

// print writes the section of the objects.
func (l *objectLoss) print(p *page) {
	if l == nil {
		return
	}
	if l.unknown != "" {
		p.section("Objects")
		p.fact("unknown", "they could not be compared with the live ones: %s", l.unknown)
		return
	}
	p.section("Objects, compared with those of %s", l.server)
	back := func(c kubediff.Counts) int { return c.Restore }
	gone := func(c kubediff.Counts) int { return c.Remove }
	other := func(c kubediff.Counts) int { return c.Alter }
	if len(l.skipped) > 0 {
		p.fact("unknown", "of %s: %v", count(len(l.skipped), "resource"), l.skipped[0])
	}
	p.fact("brings back", "%s", l.most(back))
	p.fact("removes", "%s", l.most(gone))
	p.fact("changes", "%s", l.most(other))
	for _, w := range l.tally.Warnings() {
		p.fact("warning", "%s", w)
	}
	p.fact("by name", "%s", l.more)
}

// most are a count of objects and the resources that have the most of them.
func (l *objectLoss) most(of func(kubediff.Counts) int) string {
	const some = 5
	resources := slices.DeleteFunc(l.tally.Resources(), func(c kubediff.Counts) bool { return of(c) == 0 })
	slices.SortStableFunc(resources, func(a, b kubediff.Counts) int { return cmp.Compare(of(b), of(a)) })
	words := []string{}
	for i, c := range resources {
		if i == some {
			words = append(words, fmt.Sprintf("%d more resources", len(resources)-some))
			break
		}
		words = append(words, fmt.Sprintf("%d %s", of(c), c.Resource))
	}
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, ", ")
}
