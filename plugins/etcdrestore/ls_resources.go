package etcdrestore

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/etcd-restore/etcd-restore/pkg/kubeobject"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
)

// resourceList is the form of ls SNAPSHOT -o json.
type resourceList struct {
	TypeMeta
	Snapshot          string          `json:"snapshot"`
	Size              int64           `json:"size"` // bytes of the database, free pages included
	EtcdPrefix        string          `json:"etcdPrefix"`
	Revision          int64           `json:"revision"` // objects are those at it
	CurrentRevision   int64           `json:"currentRevision"`
	CompactedRevision int64           `json:"compactedRevision"` // history begins with it
	Items             []resourceCount `json:"items"`
	Total             resourceCount   `json:"total"`
}

// resourceCount is what one resource takes.
type resourceCount struct {
	Resource     string `json:"resource,omitempty"`
	Foreign      bool   `json:"foreign,omitempty"` // keys of which no API server knows: their first element
	Objects      int    `json:"objects"`
	Bytes        int64  `json:"bytes"`
	History      int    `json:"history"` // records that are not live: older states, deletes, and newer ones of --revision
	HistoryBytes int64  `json:"historyBytes"`
}

func newResourceList(name string, size int64, s *kubeobject.Summary) *resourceList {
	l := &resourceList{
		TypeMeta: TypeMeta{apiVersion, "SnapshotResources"}, Snapshot: name, Size: size, EtcdPrefix: s.Prefix,
		Revision: s.Revision, CurrentRevision: s.Current, CompactedRevision: s.Compacted,
		Items: []resourceCount{}, Total: newResourceCount(s.Total()),
	}
	for _, u := range s.Usage {
		l.Items = append(l.Items, newResourceCount(u))
	}
	return l
}

func newResourceCount(u kubeobject.Usage) resourceCount {
	return resourceCount{u.Resource.String(), u.Foreign, u.Objects, u.Size, u.History, u.HistorySize}
}

// sort puts on top what there is most of, by name otherwise.
func (l *resourceList) sort(by string) {
	slices.SortStableFunc(l.Items, func(a, b resourceCount) int {
		switch by {
		case "size":
			return cmp.Compare(b.Bytes+b.HistoryBytes, a.Bytes+a.HistoryBytes)
		case "count":
			return cmp.Compare(b.Objects+b.History, a.Objects+a.History)
		}
		return 0 // they come in order of their names
	})
}

func (l *resourceList) names() (names []string) {
	for _, r := range l.Items {
		if !r.Foreign {
			names = append(names, r.Resource)
		}
	}
	return names
}

// resourceWidth leaves room for the numbers; the longest name of a built-in resource fits.
const resourceWidth = 46

func (l *resourceList) words() string {
	t := table{head: []string{"RESOURCE", "OBJECTS", "SIZE", "HISTORY", "SIZE"}, right: 1}
	for _, r := range append(slices.Clone(l.Items), l.Total) {
		name := cut(cmp.Or(r.Resource, "total"), resourceWidth)
		t.row(name, fmt.Sprint(r.Objects), output.Size(r.Bytes), fmt.Sprint(r.History), output.Size(r.HistoryBytes))
	}
	var p page
	p.line("revision %d%s", l.Revision, l.history())
	p.line("database of %s, of which %s are free pages and overhead", output.Size(l.Size), output.Size(l.Size-l.Total.Bytes-l.Total.HistoryBytes))
	if l.EtcdPrefix != kubeobject.DefaultPrefix {
		p.line("all keys are below %s", l.EtcdPrefix)
	}
	return t.String() + "\n" + p.String()
}

// history says which other revisions can be looked at.
func (l *resourceList) history() string {
	s := ""
	if l.Revision != l.CurrentRevision {
		s = fmt.Sprintf(" of %d", l.CurrentRevision)
	}
	if l.CompactedRevision == l.CurrentRevision {
		return s + ", no older one in the history"
	}
	return s + fmt.Sprintf(", history from %d", max(1, l.CompactedRevision))
}

// lines are s, each on a line of its own, safe to print.
func lines(s []string) string {
	var b strings.Builder
	for _, line := range s {
		b.WriteString(output.Clean(line) + "\n")
	}
	return b.String()
}
