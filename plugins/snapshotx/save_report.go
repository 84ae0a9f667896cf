package snapshotx

import (
	"fmt"

	"github.com/etcd-restore/etcd-restore/pkg/etcdclient"
	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
)

// saveReport is all that is known about a saved snapshot.
type saveReport struct {
	saved  etcdclient.Saved
	status *snapshot.Status
	member etcdclient.MemberStatus
	chosen string // why this member
}

// saveJSON is the form of -w json. What status prints too has the same name.
type saveJSON struct {
	Path      string `json:"path"`
	Hash      uint32 `json:"hash"`
	Revision  int64  `json:"revision"`
	TotalKey  int    `json:"totalKey"`
	TotalSize int64  `json:"totalSize"`
	Version   string `json:"version"`
	SHA256    string `json:"sha256"`
	Member    struct {
		Endpoint      string `json:"endpoint"`
		ID            uint64 `json:"id"`
		ClusterID     uint64 `json:"clusterID"`
		ServerVersion string `json:"serverVersion"`
		ChosenBecause string `json:"chosenBecause"`
	} `json:"member"`
	Seconds float64 `json:"seconds"`
}

func (r saveReport) json() saveJSON {
	j := saveJSON{
		Path:      r.saved.Path,
		Hash:      r.status.Hash,
		Revision:  r.status.Revision,
		TotalKey:  r.status.TotalKey,
		TotalSize: r.status.TotalSize,
		Version:   r.status.Version,
		SHA256:    r.saved.SHA256,
		Seconds:   r.saved.Took.Seconds(),
	}
	j.Member.Endpoint = r.member.Endpoint
	j.Member.ID = r.member.MemberID
	j.Member.ClusterID = r.member.ClusterID
	j.Member.ServerVersion = r.member.Version
	j.Member.ChosenBecause = r.chosen
	return j
}

// result words the report. The first line is etcdctl's.
func (r saveReport) result() output.Result {
	return output.Result{
		JSON: r.json(),
		Simple: fmt.Sprintf("Snapshot saved at %s\nrevision %d, %d keys, %s, hash %x\nsha256 %s\nfrom %s (%s)",
			r.saved.Path, r.status.Revision, r.status.TotalKey, output.Size(r.status.TotalSize), r.status.Hash,
			r.saved.SHA256, r.member.Endpoint, r.chosen),
		Fields: []output.Field{
			{Name: "Path", Column: "path", Value: r.saved.Path},
			{Name: "Hash", Column: "hash", Value: r.status.Hash, Text: fmt.Sprintf("%x", r.status.Hash)},
			{Name: "Revision", Column: "revision", Value: r.status.Revision},
			{Name: "Keys", Column: "keys", Value: r.status.TotalKey},
			{Name: "Size", Column: "size", Value: r.status.TotalSize, Text: output.Size(r.status.TotalSize)},
			{Name: "Version", Column: "version", Value: r.status.Version},
			{Name: "SHA256", Column: "sha256", Value: r.saved.SHA256},
			{Name: "Endpoint", Column: "endpoint", Value: r.member.Endpoint},
			{Name: "Member", Column: "member", Value: r.member.MemberID, Text: fmt.Sprintf("%x", r.member.MemberID)},
		},
	}
}
