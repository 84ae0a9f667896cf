package etcdrestore

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/newfile"
	"github.com/etcd-restore/etcd-restore/pkg/transport"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
	"github.com/etcd-restore/etcd-restore/plugins/internal/progress"
)

// dropPatience bounds how long the copy on a node may keep a person who has pressed
// Ctrl-C.
const dropPatience = 15 * time.Second

// saveFrom lets a node take the snapshot and fetches it. Whatever happens the node keeps
// no copy: its name was chosen here, so that it can go even if we were never told of it.
func (o *ClusterSaveOptions) saveFrom(ctx context.Context, n transport.Node, s *source) (err error) {
	name := strings.ToLower(rand.Text())
	o.say("taken from %s: %s", s.node.Name, s.why)
	defer o.drop(ctx, n, name)
	saved, err := o.lend(ctx, n, name, s)
	if err != nil {
		return err
	}
	if saved.Salvage != nil {
		saved.Salvage.Complete = saved.Salvage.Complete || s.complete
	}
	file, err := newfile.Create(o.File)
	if err != nil {
		return err
	}
	defer file.Discard()
	if err := file.Begin(saved.File.Size); err != nil {
		return err
	}
	reporter := o.Reporter(o.streams)
	defer reporter.Finish()
	reporter.Start("fetch from "+s.node.Name, saved.File.Size)
	if err := transport.Fetch(ctx, n, saved.File.Path, saved.File.Size, saved.File.SHA256, file.OS(), &arriving{Reporter: reporter}); err != nil {
		return file.Explain(err)
	}
	reporter.Finish()
	if err := file.Sync(); err != nil {
		return err
	}
	status, err := readStatus(ctx, file.Part())
	if err != nil {
		return err
	}
	if err := file.Publish(false); err != nil {
		return err
	}
	report := clusterSavedReport{
		TypeMeta: TypeMeta{apiVersion, "ClusterSnapshot"}, Path: o.File, Node: s.node.Name, Why: s.why,
		Hash: fmt.Sprintf("%x", status.Hash), FileSize: saved.File.Size, FileSHA256: saved.File.SHA256, Saved: *saved, next: o.Program + " plan " + output.Quote(o.File) + o.way(),
	}
	report.Saved.TotalKey, report.Saved.File = status.TotalKey, nil
	return o.printDone(o.streams, "saved "+o.File, report)
}

// lend lets the node take the snapshot.
func (o *ClusterSaveOptions) lend(ctx context.Context, n transport.Node, name string, s *source) (*savedReport, error) {
	args := append([]string{"node", "save", "--lend", name, "-o", "json", "--progress", "none"}, s.args...)
	var out bytes.Buffer
	if err := n.Run(ctx, transport.Command{Args: args, Stdout: &out, Stderr: o.streams.ErrOut}); err != nil {
		return nil, err
	}
	var saved savedReport
	if err := json.Unmarshal(out.Bytes(), &saved); err != nil || saved.File == nil {
		return nil, fmt.Errorf("%s: it is not clear what it saved: %w", n.Name(), transport.ErrProgram)
	}
	return &saved, nil
}

// drop removes the copy from the node, after Ctrl-C as well.
func (o *ClusterSaveOptions) drop(ctx context.Context, n transport.Node, name string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), dropPatience)
	defer cancel()
	if err := n.Run(ctx, transport.Command{Args: []string{"node", "drop", name}}); err != nil {
		o.say("warning: a copy of the snapshot may be left on %s: %v; remove it there: rm -f %s/*%s*", n.Name(), err, transport.Uploads, name)
	}
}

func (o *ClusterSaveOptions) say(format string, args ...any) {
	var p page
	p.fold("", "  ", fmt.Sprintf(format, args...))
	fmt.Fprint(o.streams.ErrOut, p.String())
}

// arriving tells a reporter of a file that arrives.
type arriving struct {
	*progress.Reporter
	done int64
}

// Sent implements transport.Progress.
func (a *arriving) Sent(_ string, done, _ int64) {
	a.Add(done - a.done)
	a.done = done
}

// clusterSavedReport is the form of save -o json.
type clusterSavedReport struct {
	TypeMeta
	Path       string      `json:"path"`
	Node       string      `json:"node"`
	Why        string      `json:"why"` // this node
	FileSize   int64       `json:"fileSizeBytes"`
	FileSHA256 string      `json:"fileSHA256"` // of all of it; that of its database, at its end, is in Saved
	Hash       string      `json:"hash"`       // hexadecimal, as etcdutl snapshot status prints it
	Saved      savedReport `json:"snapshot"`   // as the node says

	next string
}

func (r clusterSavedReport) words() string {
	s := r.Saved
	var p page
	p.line("Snapshot saved at %s", r.Path)
	from := "the live member at " + s.Endpoint
	if s.Salvage != nil {
		from = "the data directory " + s.Salvage.Dir + " of a member that is not running"
	}
	p.fact("from", "%s: %s", r.Node, from)
	p.fact("member", "%s", joined(" ", s.MemberName, parens(joined(", ", s.MemberID, prefixed("cluster ", s.ClusterID)))))
	p.fact("revision", "%d, %s, %s, hash %s", s.Revision, count(s.TotalKey, "key"), output.Size(s.Size), r.Hash)
	p.fact("file sha256", "%s", r.FileSHA256) // as sha256sum prints it
	p.fact("db sha256", "%s", s.SHA256)       // as a plan has it
	if !s.Kubernetes {
		p.fact("note", "it holds no keys of Kubernetes")
	}
	if s.Salvage != nil {
		s.Salvage.words(&p)
	}
	p.line("next:")
	p.command(r.next)
	return p.String()
}
