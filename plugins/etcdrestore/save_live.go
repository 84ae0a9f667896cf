package etcdrestore

import (
	"context"
	"fmt"

	"github.com/etcd-restore/etcd-restore/pkg/etcdclient"
	"github.com/etcd-restore/etcd-restore/pkg/node"
	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
)

// saveLive asks the member of this node, which must not be one that lags by design.
func (o *SaveOptions) saveLive(ctx context.Context, f *node.Facts) error {
	if f.Live.Err != nil {
		return f.Live.Err
	}
	member, _, err := etcdclient.Best([]etcdclient.MemberStatus{f.Live.Status})
	if err != nil {
		return err
	}
	if member.Leader == 0 {
		fmt.Fprintln(o.streams.ErrOut, "warning: the member has no leader: others may be ahead of it")
	}
	cfg, err := f.EtcdClient(o.Node())
	if err != nil {
		return err
	}
	client, err := etcdclient.Dial(ctx, cfg)
	if err != nil {
		return err
	}
	defer client.Close()

	reporter := o.Reporter(o.streams)
	defer reporter.Finish()
	var status *snapshot.Status
	saved, err := client.Save(ctx, member.Endpoint, o.File, etcdclient.SaveOptions{
		StreamOptions: etcdclient.StreamOptions{Progress: reporter},
		Force:         o.Force,
		Inspect: func(ctx context.Context, file string) (err error) {
			status, err = readStatus(ctx, file)
			return err
		},
	})
	if err != nil {
		return err
	}
	reporter.Finish() // the result comes below it
	file, err := o.lent(ctx)
	if err != nil {
		return err
	}
	return o.printDone(o.streams, "saved "+saved.Path, savedReport{
		File: file, TypeMeta: TypeMeta{apiVersion, "NodeSnapshot"}, Path: saved.Path, From: fromLive,
		Revision: status.Revision, TotalKey: status.TotalKey, Size: status.TotalSize, SHA256: saved.SHA256,
		Kubernetes: status.Kubernetes,
		Endpoint:   member.Endpoint, ServerVersion: member.Version,
		MemberID: id(member.MemberID), MemberName: f.Etcd.Name, ClusterID: id(member.ClusterID),
		program: o.Program,
	})
}

// readStatus reads what the result tells of the file. The hash of the file is known
// by then.
func readStatus(ctx context.Context, file string) (*snapshot.Status, error) {
	f, err := snapshot.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.ReadStatus(ctx, snapshot.StatusOptions{})
}

// savedReport is the form of node save -o json.
type savedReport struct {
	TypeMeta
	Path       string `json:"path"`
	From       string `json:"from"` // live or data-dir
	Revision   int64  `json:"revision"`
	TotalKey   int    `json:"totalKey"`
	Size       int64  `json:"sizeBytes"` // of the database
	SHA256     string `json:"sha256"`    // of the database, at the end of the file
	Kubernetes bool   `json:"kubernetes"`

	Endpoint      string `json:"endpoint,omitempty"` // of the live member
	ServerVersion string `json:"serverVersion,omitempty"`
	MemberID      string `json:"memberID"` // hexadecimal
	MemberName    string `json:"memberName"`
	ClusterID     string `json:"clusterID"` // hexadecimal

	Salvage *salvageReport `json:"salvage,omitempty"` // from data-dir
	File    *lentFile      `json:"file,omitempty"`    // for a workstation to fetch

	program string
}

func (r savedReport) words() string {
	var p page
	p.line("Snapshot saved at %s", r.Path)
	from := "the live member at " + r.Endpoint
	if r.Salvage != nil {
		from = "the data directory " + r.Salvage.Dir + " of a member that is not running"
	}
	p.fact("from", "%s", from)
	p.fact("member", "%s", joined(" ", r.MemberName, parens(r.MemberID)))
	p.fact("revision", "%d, %s, %s", r.Revision, count(r.TotalKey, "key"), output.Size(r.Size))
	p.fact("db sha256", "%s", r.SHA256)
	if !r.Kubernetes {
		p.fact("note", "it holds no keys of Kubernetes")
	}
	if r.Salvage != nil {
		r.Salvage.words(&p)
	}
	p.line("next:")
	p.command(fmt.Sprintf("%s node plan %s", r.program, output.Quote(r.Path)))
	return p.String()
}
