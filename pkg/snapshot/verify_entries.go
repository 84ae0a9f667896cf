package snapshot

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"

	"github.com/coreos/go-semver/semver"

	"github.com/etcd-restore/etcd-restore/pkg/internal/boltfile"
	"github.com/etcd-restore/etcd-restore/pkg/schema"
)

// bucket checks every entry of b.
func (c *checker) bucket(scan *boltfile.Scan, b boltfile.Bucket) error {
	where := "bucket " + b.Name
	check := map[string]func(k, v []byte) error{
		schema.KeyBucket:            c.record,
		schema.MetaBucket:           c.meta,
		schema.LeaseBucket:          c.lease,
		schema.MembersBucket:        c.member,
		schema.MembersRemovedBucket: c.removed,
		schema.AlarmBucket:          c.alarm,
		schema.ClusterBucket:        c.cluster,
		schema.AuthBucket:           c.auth,
		schema.AuthUsersBucket:      nothing,
		schema.AuthRolesBucket:      nothing,
	}[b.Name]
	if check == nil {
		if err := c.add(Warning, where, "etcd 3.4 to 3.7 have no such bucket"); err != nil {
			return err
		}
		check = nothing
	}
	err := scan.Walk(b, func(k, v []byte) error {
		if err := check(k, v); err != nil {
			if w, ok := err.(warning); ok {
				return c.add(Warning, where, "%s", string(w))
			}
			return c.add(Error, where, "%v", err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return c.afterBucket(b.Name, where)
}

// warning is a finding that does not forbid a restore.
type warning string

func (w warning) Error() string { return string(w) }

func nothing(_, _ []byte) error { return nil }

func (c *checker) afterBucket(name, where string) error {
	switch {
	case name == schema.KeyBucket && c.orphans.Len() > 0:
		return c.add(Warning, where, "%d keys name a lease that does not exist, and never expire", c.orphans.Len())
	case name == schema.MembersBucket && len(c.members) == 0:
		return c.add(Warning, where, "no members are listed")
	}
	return nil
}

// record checks an entry of the key bucket. That the keys ascend has been
// checked on their pages, and for well-formed ones byte order is revision order.
func (c *checker) record(k, v []byte) error {
	c.report.Records++
	rev, err := schema.ParseRevision(k)
	if err != nil {
		return err
	}
	if len(v) == 0 && !rev.Tombstone {
		return nil // the marker of a revision bump
	}
	kv, err := schema.ParseKeyValue(v)
	switch {
	case err != nil:
		return fmt.Errorf("revision %d_%d: %w", rev.Main, rev.Sub, err)
	case len(kv.Key) == 0:
		return fmt.Errorf("revision %d_%d: the key is empty", rev.Main, rev.Sub)
	case !kv.Canonical(len(v)):
		return fmt.Errorf("revision %d_%d: the value has fields that etcd 3.4 to 3.7 do not write, or not so", rev.Main, rev.Sub)
	case rev.Tombstone: // nothing but the key is stored
		c.leased(kv)
		return nil
	case kv.Mod != rev.Main:
		return fmt.Errorf("revision %d_%d: the value says it is revision %d", rev.Main, rev.Sub, kv.Mod)
	case kv.Create < 1 || kv.Create > kv.Mod || kv.Version < 1:
		return fmt.Errorf("revision %d_%d: version %d of a key created at %d cannot be", rev.Main, rev.Sub, kv.Version, kv.Create)
	}
	c.leased(kv)
	return nil
}

// leased notes a key whose lease does not exist, until a later record of the key says
// otherwise: history is full of leases that have expired since.
func (c *checker) leased(kv schema.KeyValue) {
	if _, ok := c.leases[kv.Lease]; kv.Lease != 0 && !ok {
		c.orphans.Add(kv.Key)
	} else if c.orphans.Len() > 0 {
		c.orphans.Remove(kv.Key)
	}
}

func (c *checker) lease(k, v []byte) error {
	l, err := schema.ParseLease(k, v)
	if err != nil {
		return err
	}
	c.report.Leases++
	c.leases[l.ID] = struct{}{}
	if l.TTL <= 0 || l.Remaining < 0 || l.Remaining > l.TTL {
		return warning(fmt.Sprintf("lease %016x has %d of %d seconds left", l.ID, l.Remaining, l.TTL))
	}
	return nil
}

func (c *checker) meta(k, v []byte) error {
	switch name := string(k); name {
	case schema.ConsistentIndexKey, schema.TermKey:
		_, err := schema.ParseIndex(name, v)
		return err
	case schema.ScheduledCompactKey, schema.FinishedCompactKey:
		if _, err := schema.ParseRevision(v); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	case schema.ConfStateKey:
		if !json.Valid(v) {
			return fmt.Errorf("%s is no JSON", name)
		}
	case schema.StorageVersionKey:
		return checkVersion(name, v)
	default:
		return warning(fmt.Sprintf("etcd 3.4 to 3.7 have no key %q there", clip(k)))
	}
	return nil
}

func (c *checker) cluster(k, v []byte) error {
	switch name := string(k); name {
	case schema.ClusterVersionKey:
		return checkVersion(name, v)
	case schema.DowngradeKey:
		downgrading, err := schema.ParseDowngrade(v)
		if downgrading && err == nil {
			return warning("a downgrade was under way")
		}
		return err
	}
	return warning(fmt.Sprintf("etcd 3.4 to 3.7 have no key %q there", clip(k)))
}

func checkVersion(name string, v []byte) error {
	ver, err := semver.NewVersion(string(v))
	if err != nil {
		return fmt.Errorf("%s %q is no version", name, clip(v))
	}
	if ver.Major != 3 || ver.Minor > 7 {
		return warning(fmt.Sprintf("%s %s is not one of 3.4 to 3.7", name, ver))
	}
	return nil
}

func (c *checker) member(k, v []byte) error {
	m, err := schema.ParseMember(k, v)
	if err != nil {
		return err
	}
	if c.members == nil {
		c.members = map[uint64]bool{}
	}
	c.members[m.ID] = true
	if len(m.PeerURLs) == 0 {
		return fmt.Errorf("member %x has no peer URL", m.ID)
	}
	for _, u := range m.PeerURLs {
		if _, err := url.Parse(u); err != nil {
			return fmt.Errorf("member %x: %w", m.ID, err)
		}
	}
	return nil
}

// removed runs after member: the name of its bucket sorts behind.
func (c *checker) removed(k, _ []byte) error {
	var id uint64
	if _, err := fmt.Sscanf(string(k), "%x", &id); err != nil || schema.MemberKey(id) != string(k) {
		return fmt.Errorf("%q is no member ID", clip(k))
	}
	if c.members[id] {
		return warning(fmt.Sprintf("member %x is listed as a member and as removed", id))
	}
	return nil
}

func (c *checker) alarm(k, _ []byte) error {
	a, err := schema.ParseAlarm(k)
	if err != nil {
		return err
	}
	return warning(fmt.Sprintf("alarm %s of member %x was raised", a, a.MemberID))
}

func (c *checker) auth(k, v []byte) error {
	name := string(k)
	switch {
	case name == schema.AuthEnabledKey && len(v) == 1 && v[0] <= 1:
	case name == schema.AuthRevisionKey && len(v) == 8:
	case name == schema.AuthEnabledKey || name == schema.AuthRevisionKey:
		return fmt.Errorf("%s has the value %x", name, clip(v))
	default:
		return warning(fmt.Sprintf("etcd 3.4 to 3.7 have no key %q there", clip(k)))
	}
	return nil
}

// clip keeps what a message shows of a damaged entry short.
func clip(b []byte) []byte { return bytes.ToValidUTF8(b[:min(len(b), 64)], []byte("?")) }
