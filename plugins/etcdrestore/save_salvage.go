package etcdrestore

import (
	"context"
	"errors"
	"fmt"

	"github.com/etcd-restore/etcd-restore/pkg/node"
	"github.com/etcd-restore/etcd-restore/pkg/salvage"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
)

// salvage makes the snapshot from what the member left.
func (o *SaveOptions) salvage(ctx context.Context, f *node.Facts) error {
	o.sayWhy(f)
	if o.Force {
		return output.WithHint(errors.New("--force is for a live member: a salvage replaces no file"), "give the name of a new file")
	}
	src := salvage.Source{Dir: f.Data.Dir.Local}
	if f.Data.WAL != nil {
		src.WALDir = f.Data.WAL.Local
	}
	return o.salvageFrom(ctx, src, f.Data.Dir.Path)
}

// salvageFrom makes the snapshot from a directory that nobody uses: path, as the node
// sees it.
func (o *SaveOptions) salvageFrom(ctx context.Context, src salvage.Source, path string) error {
	reporter := o.Reporter(o.streams)
	defer reporter.Finish()
	report, err := salvage.Run(ctx, salvage.Config{
		Sources: []salvage.Source{src}, Output: o.File, Tail: salvage.Tail(o.Tail), AllowPartial: o.AllowPartial, Progress: reporter,
	})
	reporter.Finish()
	if errors.Is(err, salvage.ErrNoMajority) {
		return output.WithHint(err, "collect the data directories of the other members and salvage all of them: etcdctl-snapshot-x salvage DIR... -o FILE; "+
			"or take this one alone, with --tail include for all that its log has, or --tail committed for what is proven")
	}
	if err != nil {
		return err
	}
	status, err := readStatus(ctx, o.File)
	if err != nil {
		return fmt.Errorf("salvaged into %s, but %w: %w", o.File, errReport, err)
	}
	file, err := o.lent(ctx)
	if err != nil {
		return err
	}
	member := report.Directories[0]
	return o.printDone(o.streams, "salvaged into "+o.File, savedReport{
		File: file, TypeMeta: TypeMeta{apiVersion, "NodeSnapshot"}, Path: report.Path, From: fromDataDir,
		Revision: report.Revision, TotalKey: status.TotalKey, Size: report.Size, SHA256: report.SHA256, Kubernetes: status.Kubernetes,
		MemberID: member.MemberID, MemberName: member.Name, ClusterID: report.ClusterID,
		Salvage: newSalvageReport(path, report),
		program: o.Program,
	})
}

// sayWhy says loudly that this is no snapshot of a live member.
func (o *SaveOptions) sayWhy(f *node.Facts) {
	why := "as --from data-dir asks for"
	if o.From == "" {
		why = fmt.Sprintf("since etcd does not answer (%v)", f.Live.Err)
	}
	var p page
	p.fold("warning: ", "         ", fmt.Sprintf("SALVAGE: the snapshot is made from the data directory %s, %s", f.Data.Dir.Path, why))
	fmt.Fprint(o.streams.ErrOut, p.String())
}

// salvageReport is what is known of a snapshot that no member gave.
type salvageReport struct {
	Dir      string `json:"dir"`
	Complete bool   `json:"complete"` // every write that was ever acknowledged is in it
	Voters   int    `json:"voters"`
	Given    int    `json:"given"` // how many of them this directory stands for
	Replayed uint64 `json:"entriesReplayed"`
	Unproven uint64 `json:"entriesUnproven"` // not known to be committed
	Tail     string `json:"tail"`            // what became of those: include or committed
	Lost     string `json:"lost,omitempty"`  // where the log is damaged
	Term     uint64 `json:"lastTerm"`        // of the last entry of the log
	Index    uint64 `json:"lastIndex"`

	Notes []string `json:"notes"`
}

func newSalvageReport(dir string, r *salvage.Report) *salvageReport {
	s := &salvageReport{
		Dir: dir, Complete: r.Complete, Replayed: r.Replayed, Unproven: r.Unproven, Tail: string(r.Tail), Notes: list(r.Notes),
	}
	if len(r.Directories) > 0 {
		s.Term, s.Index = r.Directories[0].Term, r.Directories[0].LastIndex
	}
	if n := len(r.Configurations); n > 0 {
		s.Voters, s.Given = len(r.Configurations[n-1].Voters), r.Configurations[n-1].Given
	}
	if r.Lost != nil {
		s.Lost = fmt.Sprintf("what the log held behind entry %d: %s, %s", r.Lost.After, r.Lost.At, r.Lost.Why)
	}
	return s
}

func (s *salvageReport) words(p *page) {
	if s.Complete {
		p.fact("complete", "yes: every acknowledged write is in it, if the directory is as the member left it")
	} else {
		p.fact("complete", "NOT PROVEN: %d of %d voters is here, and others may have acknowledged more", s.Given, s.Voters)
	}
	text := fmt.Sprintf("%d entries beyond the database replayed", s.Replayed)
	if s.Unproven > 0 {
		text += fmt.Sprintf("; %d not known to be committed: %s", s.Unproven, map[string]string{"include": "included", "committed": "left out"}[s.Tail])
	}
	p.fact("log", "%s", text)
	p.fact("lost", "%s", s.Lost)
	for _, n := range s.Notes {
		p.fact("note", "%s", n)
	}
}
