package apiserver

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// Etcd is the etcd below the API servers, such as a *clientv3.Client.
type Etcd interface {
	clientv3.KV
	clientv3.Lease
}

// maxMasters is more API servers than a cluster has.
const maxMasters = 1000

// RemoveOrphans removes entries of the kubernetes Service that would stay for ever:
// those that hang on no lease of etcd, below prefix (of API servers:
// --etcd-prefix, "/registry" if not given). It returns their addresses.
//
// An API server that lives renews its entry every ten seconds and with a lease, so
// an orphan is never the entry of one, but for the seconds until it renews what a
// snapshot brought back. Whoever answers keeps its entry for this reason; so does
// one that renews it meanwhile, since what is removed is the entry as it was seen.
func (c *Client) RemoveOrphans(ctx context.Context, etcd Etcd, prefix string) ([]netip.Addr, error) {
	folder := path.Join("/", prefix, "masterleases") + "/"
	request, cancel := c.short(ctx)
	defer cancel()
	entries, err := etcd.Get(request, folder, clientv3.WithPrefix(), clientv3.WithLimit(maxMasters))
	if err != nil {
		return nil, fmt.Errorf("entries of API servers in etcd: %w", err)
	}
	ports, err := c.ports(ctx)
	if err != nil {
		return nil, err
	}
	var removed []netip.Addr
	for _, kv := range entries.Kvs {
		ip, ok := masterOf(string(kv.Key), folder)
		if !ok {
			continue
		}
		gone, err := c.removeOrphan(ctx, etcd, kv, ip, ports)
		if err != nil {
			return removed, fmt.Errorf("entry of the API server %s in etcd: %w", ip, err)
		}
		if gone {
			removed = append(removed, ip)
		}
	}
	return removed, nil
}

// masterOf is the address in a key, if an API server could have written it so.
func masterOf(key, folder string) (netip.Addr, bool) {
	text := strings.TrimPrefix(key, folder)
	ip, err := netip.ParseAddr(text)
	return ip, err == nil && ip.String() == text && ip.Zone() == "" && !ip.Is4In6()
}

func (c *Client) removeOrphan(ctx context.Context, etcd Etcd, kv *mvccpb.KeyValue, ip netip.Addr, ports []uint16) (bool, error) {
	switch leased, err := c.hasLease(ctx, etcd, kv); {
	case err != nil:
		return false, err
	case leased || c.answers(ctx, ip, ports):
		return false, nil
	}
	request, cancel := c.short(ctx)
	defer cancel()
	key := string(kv.Key)
	resp, err := etcd.Txn(request).
		If(clientv3.Compare(clientv3.ModRevision(key), "=", kv.ModRevision)).
		Then(clientv3.OpDelete(key)).
		Commit()
	if err != nil {
		return false, err
	}
	return resp.Succeeded, nil
}

// hasLease reports whether an entry will expire. A lease can be lost while its key
// is not: a copy of all keys into another etcd does that.
func (c *Client) hasLease(ctx context.Context, etcd Etcd, kv *mvccpb.KeyValue) (bool, error) {
	if kv.Lease == 0 {
		return false, nil
	}
	request, cancel := c.short(ctx)
	defer cancel()
	left, err := etcd.TimeToLive(request, clientv3.LeaseID(kv.Lease))
	if errors.Is(err, rpctypes.ErrLeaseNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return left.GrantedTTL > 0, nil // of a lease that is not found it is 0
}

// ports are those at which API servers of this cluster may be.
func (c *Client) ports(ctx context.Context) ([]uint16, error) {
	addresses, err := c.Endpoints(ctx)
	if err != nil {
		return nil, err
	}
	found := []uint16{6443}
	for _, address := range addresses {
		found = append(found, address.Port())
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}

// answers reports whether there may be an API server at an address: what accepts
// connections and shows no certificate may be one that hangs.
func (c *Client) answers(ctx context.Context, ip netip.Addr, ports []uint16) bool {
	var addresses []netip.AddrPort
	for _, port := range ports {
		addresses = append(addresses, netip.AddrPortFrom(ip, port))
	}
	return slices.ContainsFunc(c.Probe(ctx, addresses), func(e Endpoint) bool {
		return e.Err == nil || errors.Is(e.Err, errListens)
	})
}
