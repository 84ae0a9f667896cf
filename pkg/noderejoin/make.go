package noderejoin

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/etcdclient"
	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
	"github.com/etcd-restore/etcd-restore/pkg/kubeadm"
	"github.com/etcd-restore/etcd-restore/pkg/node"
	"github.com/etcd-restore/etcd-restore/pkg/noderestore"
)

// Wish is what somebody wants the node to join.
type Wish struct {
	Endpoints []string         // client URLs of members that serve
	ClusterID string           // "" is whatever serves there
	DataDir   string           // of etcd on the other nodes, as kubeadm knows it; "" if unknown
	Mode      noderestore.Mode // "" is the one that keeps to DataDir
	ID        string           // "" is a new one
	Now       time.Time
}

// Make makes a plan for a node that has these facts, after a look whether the node can do
// its part and the cluster is there. It changes nothing.
func Make(ctx context.Context, facts *node.Facts, host kubeadm.Node, wish Wish) (*Plan, error) {
	if err := able(facts); err != nil {
		return nil, err
	}
	p := &Plan{
		APIVersion: APIVersion, Kind: Kind, Created: wish.Now.UTC().Truncate(time.Second), Notes: []string{},
		ID:        cmp.Or(wish.ID, NewID(wish.Now)),
		ClusterID: wish.ClusterID, PeerURLs: facts.Etcd.PeerURLs,
	}
	// The node's own etcd is to be stopped, and is no guide to the cluster.
	for _, e := range wish.Endpoints {
		if !slices.Contains(facts.Etcd.ClientURLs, e) && !slices.Contains(p.Endpoints, e) {
			p.Endpoints = append(p.Endpoints, e)
		}
	}
	if err := p.findCluster(ctx, facts, host); err != nil {
		return nil, err
	}
	return p, p.place(ctx, facts, wish)
}

// NewID names what a rejoin makes, in the form of a decision of a restore.
func NewID(now time.Time) string {
	var digits [2]byte
	_, _ = rand.Read(digits[:]) // never fails
	return fmt.Sprintf("%s-%x", now.UTC().Format("20060102T150405Z"), digits)
}

// able wants what the work on the node needs.
func able(facts *node.Facts) error {
	refuse := func(err error, next string) error { return hint.New(fmt.Errorf("%w: %w", ErrNode, err), "%s", next) }
	for _, r := range facts.Runs.Runs {
		if r.Err != nil || r.State.Outcome == "" {
			return refuse(fmt.Errorf("run %s is not finished", r.Name), "finish it first, that may be all it takes: kubectl etcd-restore node resume "+r.Name)
		}
	}
	switch {
	case !facts.Root:
		return refuse(errors.New("it was not seen as root"), "run it as root")
	case facts.Manifests.Err != nil:
		return refuse(facts.Manifests.Err, "kubeadm join makes a control-plane node")
	case facts.Etcd.Err != nil:
		return refuse(facts.Etcd.Err, "put the manifest of etcd back first: kubeadm join phase control-plane-join etcd makes a new one")
	case facts.Etcd.FlagsErr != nil:
		return refuse(facts.Etcd.FlagsErr, "mend the manifest of etcd")
	case facts.Kubelet.Err != nil:
		return refuse(facts.Kubelet.Err, "start it: systemctl start kubelet")
	case facts.Kubelet.State.Healthy != nil:
		return refuse(facts.Kubelet.State.Healthy, "look at its log: journalctl -u kubelet")
	case facts.Runtime.Err != nil:
		return refuse(facts.Runtime.Err, "start it: systemctl start containerd")
	}
	return nil
}

// findCluster asks the members which cluster it is, and whether this node serves in it.
func (p *Plan) findCluster(ctx context.Context, facts *node.Facts, host kubeadm.Node) error {
	cfg, err := facts.EtcdClient(host)
	if err != nil {
		return err
	}
	c := cluster{config: cfg, plan: p}
	return c.ask(ctx, func(ctx context.Context, client *etcdclient.Client, s etcdclient.MemberStatus) error {
		members, err := client.MemberList(ctx, s.Endpoint)
		if err != nil {
			return err
		}
		p.ClusterID = hexID(s.ClusterID)
		for _, other := range members {
			if _, is := p.own([]etcdclient.Member{other}); !is && other.Name == facts.Etcd.Name {
				return hint.New(fmt.Errorf("%w: it lists another member %s, at %s", ErrCluster, other.Name, strings.Join(other.PeerURLs, ",")),
					"if that is this node with an address that it had before: etcdctl member remove %x", other.ID)
			}
		}
		if own, ok := p.own(members); ok && own.Name != "" && own.Name != facts.Etcd.Name {
			return hint.New(fmt.Errorf("%w: %s is the address of member %s, and this node is %s by its manifest", ErrNode, strings.Join(own.PeerURLs, ","), own.Name, facts.Etcd.Name),
				"mend --initial-advertise-peer-urls, or --name, in the manifest of etcd on this node")
		}
		live := facts.Live.Status
		if own, ok := p.own(members); ok && facts.Live.Err == nil && live.MemberID == own.ID && live.ClusterID == s.ClusterID && live.Leader != 0 && !live.Learner {
			return hint.New(fmt.Errorf("%w: %s (%x) of cluster %s", ErrMember, p.PeerURLs[0], own.ID, p.ClusterID), "nothing is to be done; look: kubectl etcd-restore check")
		}
		if facts.Live.Err == nil && live.Leader != 0 && live.ClusterID != s.ClusterID {
			p.Notes = append(p.Notes, fmt.Sprintf("the etcd of this node serves another cluster, %x, at revision %d: what was written there is not in the cluster that it joins", live.ClusterID, live.Revision))
		}
		return nil
	})
}

// own is the member that this node is or was.
func (p *Plan) own(members []etcdclient.Member) (etcdclient.Member, bool) {
	i := slices.IndexFunc(members, func(m etcdclient.Member) bool {
		return slices.ContainsFunc(m.PeerURLs, func(u string) bool { return slices.Contains(p.PeerURLs, u) })
	})
	if i < 0 {
		return etcdclient.Member{}, false
	}
	return members[i], true
}

// place chooses the directory for the new data. kubeadm knows one for all nodes, and an
// upgrade writes that into the manifest: so the name of the others is the best, whatever
// stands there now moves aside.
func (p *Plan) place(ctx context.Context, facts *node.Facts, wish Wish) (err error) {
	if facts.Etcd.StorageErr != nil {
		return facts.Etcd.StorageErr
	}
	current := facts.Etcd.Storage.Data.HostPath()
	if wish.Mode == noderestore.ModeSwap || wish.Mode == "" && wish.DataDir == current {
		p.Node, err = noderestore.NewPart(ctx, facts, noderestore.ModeSwap, p.ID)
		if err == nil || wish.Mode != "" || !errors.Is(err, noderestore.ErrSwap) {
			// Nothing is restored there: what is replaced goes there.
			p.Node.NewData, p.Node.NewWAL = replaced(p.Node.NewData, p.ID), replaced(p.Node.NewWAL, p.ID)
			return err
		}
	} else if suffix := restoredSuffix(wish.DataDir); suffix != "" && planID.MatchString(suffix) {
		p.Node, err = noderestore.NewPart(ctx, facts, noderestore.ModeManifest, suffix)
		if err == nil && p.Node.NewData == wish.DataDir && !isThere(p.Node.NewData) && (p.Node.NewWAL == "" || !isThere(p.Node.NewWAL)) {
			return nil
		}
	}
	if p.Node, err = noderestore.NewPart(ctx, facts, noderestore.ModeManifest, p.ID); err != nil {
		return err
	}
	if wish.DataDir != "" {
		p.Notes = append(p.Notes, fmt.Sprintf("etcd's directory on the other nodes is %s, which cannot be had here: before kubeadm upgrades this node, its manifest and kubeadm-config must name the same", wish.DataDir))
	}
	return nil
}

func replaced(dir, id string) string {
	return strings.Replace(dir, "restored-"+id, "replaced-"+id, 1)
}

// restoredSuffix is what a restore has put behind the name of a directory.
func restoredSuffix(dir string) string {
	_, suffix, _ := strings.Cut(filepath.Base(dir), "restored-")
	return suffix
}

func isThere(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

func hexID(id uint64) string { return fmt.Sprintf("%x", id) }
