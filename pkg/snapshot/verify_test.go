package snapshot_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"
	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/server/v3/lease/leasepb"
	"google.golang.org/protobuf/proto"

	"github.com/etcd-restore/etcd-restore/pkg/schema"
	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
)

func marshal(t testing.TB, m proto.Message) string {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// put is one entry to write, drop one to delete, in a bucket made if need be.
type (
	put  struct{ bucket, key, value string }
	drop struct{ bucket, key string } // no key: the bucket
)

func craft(t testing.TB, sound []byte, changes ...any) []byte {
	t.Helper()
	return edit(t, sound, func(tx *bbolt.Tx) error {
		for _, change := range changes {
			switch c := change.(type) {
			case put:
				b, err := tx.CreateBucketIfNotExists([]byte(c.bucket))
				if err == nil && c.key != "" {
					err = b.Put([]byte(c.key), []byte(c.value))
				}
				if err != nil {
					return err
				}
			case drop:
				if c.key == "" {
					if err := tx.DeleteBucket([]byte(c.bucket)); err != nil {
						return err
					}
				} else if err := tx.Bucket([]byte(c.bucket)).Delete([]byte(c.key)); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// TestOneDefect writes one defect at a time into a sound snapshot, with bbolt
// and a fresh trailer, and expects one finding.
func TestOneDefect(t *testing.T) {
	t.Parallel()
	sound := small(t)
	const rev = 1 << 30 // above all others
	record := func(main, sub int64, dead bool, kv *mvccpb.KeyValue) put {
		return put{schema.KeyBucket, string(schema.Revision{Main: main, Sub: sub, Tombstone: dead}.Key()), marshal(t, kv)}
	}
	kv := func(key string, create, mod, version, lease int64) *mvccpb.KeyValue {
		return &mvccpb.KeyValue{Key: []byte(key), Value: []byte("v"), CreateRevision: create, ModRevision: mod, Version: version, Lease: lease}
	}
	raw := func(key, value string) put { return put{schema.KeyBucket, key, value} }
	top := string(schema.Revision{Main: rev}.Key())
	good := marshal(t, kv("k", rev, rev, 1, 0))
	const e, w = snapshot.Error, snapshot.Warning
	const member = `{"id":171,"peerURLs":["http://a:1"]}`
	for name, tc := range map[string]struct {
		changes []any
		want    []snapshot.Finding // What: a part of it
	}{
		"nothing":              {nil, nil},
		"an empty record":      {[]any{raw(top, "")}, nil}, // the marker of a revision bump
		"a sound record":       {[]any{record(rev, 0, false, kv("k", rev, rev, 1, 0))}, nil},
		"a sound delete":       {[]any{record(rev, 0, true, &mvccpb.KeyValue{Key: []byte("k")})}, nil},
		"a lease that exists":  {[]any{record(rev, 0, false, kv("k", rev, rev, 1, 7))}, nil},
		"revision key short":   {[]any{raw(top[:16], good)}, []snapshot.Finding{{e, "bucket key", "has 16 bytes"}}},
		"revision key long":    {[]any{raw(top+"tt", good)}, []snapshot.Finding{{e, "bucket key", "has 19 bytes"}}},
		"revision separator":   {[]any{raw(top[:8]+" "+top[9:], good)}, []snapshot.Finding{{e, "bucket key", "no '_'"}}},
		"revision mark":        {[]any{raw(top+"u", good)}, []snapshot.Finding{{e, "bucket key", "ends in 'u'"}}},
		"revision negative":    {[]any{raw("\xff"+top[1:], good)}, []snapshot.Finding{{e, "bucket key", "negative"}}},
		"value is garbage":     {[]any{raw(top, "garbage")}, []snapshot.Finding{{e, "bucket key", "malformed entry: key value"}}},
		"value with more":      {[]any{raw(top, good+"\x48\x01")}, []snapshot.Finding{{e, "bucket key", "do not write"}}},
		"value without a key":  {[]any{record(rev, 0, false, kv("", rev, rev, 1, 0))}, []snapshot.Finding{{e, "bucket key", "the key is empty"}}},
		"delete without a key": {[]any{raw(top+"t", "")}, []snapshot.Finding{{e, "bucket key", "the key is empty"}}},
		"value of another":     {[]any{record(rev, 0, false, kv("k", 5, 5, 1, 0))}, []snapshot.Finding{{e, "bucket key", "says it is revision 5"}}},
		"created later":        {[]any{record(rev, 0, false, kv("k", rev+1, rev, 1, 0))}, []snapshot.Finding{{e, "bucket key", "cannot be"}}},
		"never created":        {[]any{record(rev, 0, false, kv("k", 0, rev, 1, 0))}, []snapshot.Finding{{e, "bucket key", "cannot be"}}},
		"version zero":         {[]any{record(rev, 0, false, kv("k", rev, rev, 0, 0))}, []snapshot.Finding{{e, "bucket key", "cannot be"}}},
		"lease missing": {
			[]any{record(rev, 0, false, kv("k", rev, rev, 1, 999_999)), record(rev, 1, false, kv("l", rev, rev, 1, 999_999))},
			[]snapshot.Finding{{w, "bucket key", "2 keys name a lease that does not exist"}},
		},
		"lease missing once": {
			[]any{record(rev, 0, false, kv("k", rev, rev, 1, 999_999)), record(rev, 1, true, &mvccpb.KeyValue{Key: []byte("k")})},
			nil,
		},
		"lease missing until a later write": {
			[]any{record(rev, 0, false, kv("k", rev, rev, 1, 999_999)), record(rev+1, 0, false, kv("k", rev, rev+1, 2, 0))},
			nil,
		},

		"lease of another key": {
			[]any{put{schema.LeaseBucket, "\x00\x00\x00\x00\x00\x10\x00\x00", marshal(t, &leasepb.Lease{ID: 1, TTL: 5})}},
			[]snapshot.Finding{{e, "bucket lease", "is stored under key"}},
		},
		"lease garbage":  {[]any{put{schema.LeaseBucket, "abcdefgh", "garbage"}}, []snapshot.Finding{{e, "bucket lease", "malformed entry: lease"}}},
		"lease no ttl":   {[]any{put{schema.LeaseBucket, "\x00\x00\x00\x00\x00\x00\x00\x07", marshal(t, &leasepb.Lease{ID: 7})}}, []snapshot.Finding{{w, "bucket lease", "0 of 0 seconds"}}},
		"lease too long": {[]any{put{schema.LeaseBucket, "\x00\x00\x00\x00\x00\x00\x00\x07", marshal(t, &leasepb.Lease{ID: 7, TTL: 5, RemainingTTL: 6})}}, []snapshot.Finding{{w, "bucket lease", "6 of 5 seconds"}}},

		"index short":           {[]any{put{schema.MetaBucket, schema.ConsistentIndexKey, "short"}}, []snapshot.Finding{{e, "bucket meta", "consistent_index has 5 bytes"}}},
		"term short":            {[]any{put{schema.MetaBucket, schema.TermKey, ""}}, []snapshot.Finding{{e, "bucket meta", "term has 0 bytes"}}},
		"compaction scheduled":  {[]any{put{schema.MetaBucket, schema.ScheduledCompactKey, "x"}}, []snapshot.Finding{{e, "bucket meta", "scheduledCompactRev: malformed"}}},
		"compaction finished":   {[]any{put{schema.MetaBucket, schema.FinishedCompactKey, "\xff" + top[1:]}}, []snapshot.Finding{{e, "bucket meta", "finishedCompactRev: malformed"}}},
		"conf state":            {[]any{put{schema.MetaBucket, schema.ConfStateKey, "{"}}, []snapshot.Finding{{e, "bucket meta", "confState is no JSON"}}},
		"storage version":       {[]any{put{schema.MetaBucket, schema.StorageVersionKey, "three"}}, []snapshot.Finding{{e, "bucket meta", `storageVersion "three" is no version`}}},
		"storage version later": {[]any{put{schema.MetaBucket, schema.StorageVersionKey, "3.8.0"}}, []snapshot.Finding{{w, "bucket meta", "3.8.0 is not one of"}}},
		"meta key unknown":      {[]any{put{schema.MetaBucket, "other", "x"}}, []snapshot.Finding{{w, "bucket meta", `no key "other"`}}},

		"cluster version":     {[]any{put{schema.ClusterBucket, schema.ClusterVersionKey, ""}}, []snapshot.Finding{{e, "bucket cluster", "is no version"}}},
		"cluster version 4":   {[]any{put{schema.ClusterBucket, schema.ClusterVersionKey, "4.0.0"}}, []snapshot.Finding{{w, "bucket cluster", "4.0.0 is not one of"}}},
		"downgrade":           {[]any{put{schema.ClusterBucket, schema.DowngradeKey, `{"target-version":"3.6.0","enabled":true}`}}, []snapshot.Finding{{w, "bucket cluster", "a downgrade was under way"}}},
		"downgrade garbage":   {[]any{put{schema.ClusterBucket, schema.DowngradeKey, "x"}}, []snapshot.Finding{{e, "bucket cluster", "malformed entry: downgrade"}}},
		"no downgrade":        {[]any{put{schema.ClusterBucket, schema.DowngradeKey, `{"target-version":"","enabled":false}`}}, nil},
		"cluster key unknown": {[]any{put{schema.ClusterBucket, "other", "x"}}, []snapshot.Finding{{w, "bucket cluster", `no key "other"`}}},

		"member garbage":      {[]any{put{schema.MembersBucket, "ab", "x"}}, []snapshot.Finding{{e, "bucket members", "malformed entry: member ab"}}},
		"member key":          {[]any{put{schema.MembersBucket, "0ab", member}}, []snapshot.Finding{{e, "bucket members", "is stored under key"}}},
		"member without URL":  {[]any{put{schema.MembersBucket, "ab", `{"id":171,"peerURLs":[]}`}}, []snapshot.Finding{{e, "bucket members", "member ab has no peer URL"}}},
		"member with bad URL": {[]any{put{schema.MembersBucket, "ab", `{"id":171,"peerURLs":["http://a b:%zz"]}`}}, []snapshot.Finding{{e, "bucket members", "member ab: parse"}}},
		"no members":          {[]any{drop{schema.MembersBucket, "8211f1d0f64f3269"}}, []snapshot.Finding{{w, "bucket members", "no members are listed"}}},
		"removed garbage":     {[]any{put{schema.MembersRemovedBucket, "xyz", "removed"}}, []snapshot.Finding{{e, "bucket members_removed", `"xyz" is no member ID`}}},
		"removed padded":      {[]any{put{schema.MembersRemovedBucket, "0ab", "removed"}}, []snapshot.Finding{{e, "bucket members_removed", `"0ab" is no member ID`}}},
		"removed member":      {[]any{put{schema.MembersBucket, "ab", member}, put{schema.MembersRemovedBucket, "ab", "removed"}}, []snapshot.Finding{{w, "bucket members_removed", "as a member and as removed"}}},

		"alarm":            {[]any{put{schema.AlarmBucket, marshal(t, &etcdserverpb.AlarmMember{MemberID: 171, Alarm: 1}), ""}}, []snapshot.Finding{{w, "bucket alarm", "alarm NOSPACE of member ab was raised"}}},
		"alarm garbage":    {[]any{put{schema.AlarmBucket, "x", ""}}, []snapshot.Finding{{e, "bucket alarm", "malformed entry: alarm"}}},
		"auth enabled":     {[]any{put{schema.AuthBucket, schema.AuthEnabledKey, "\x02"}}, []snapshot.Finding{{e, "bucket auth", "authEnabled has the value 02"}}},
		"auth revision":    {[]any{put{schema.AuthBucket, schema.AuthRevisionKey, "x"}}, []snapshot.Finding{{e, "bucket auth", "authRevision has the value 78"}}},
		"auth key unknown": {[]any{put{schema.AuthBucket, "other", "x"}}, []snapshot.Finding{{w, "bucket auth", `no key "other"`}}},

		"bucket unknown":    {[]any{put{"zoo", "", ""}}, []snapshot.Finding{{w, "bucket zoo", "no such bucket"}}},
		"no key bucket":     {[]any{drop{schema.KeyBucket, ""}}, []snapshot.Finding{{e, "bucket key", "there is none"}}},
		"no meta bucket":    {[]any{drop{schema.MetaBucket, ""}}, []snapshot.Finding{{e, "bucket meta", "there is none"}}},
		"no lease bucket":   {[]any{drop{schema.LeaseBucket, ""}}, []snapshot.Finding{{w, "bucket key", "keys name a lease that does not exist"}}},
		"no cluster at all": {[]any{drop{schema.ClusterBucket, ""}, drop{schema.MembersBucket, ""}}, nil}, // as etcd 3.4 has it
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := write(t, craft(t, sound, tc.changes...))
			report := verify(t, path)
			if report == nil {
				t.Fatal("cannot be opened")
			}
			matched := len(report.Findings) == len(tc.want)
			for i := 0; matched && i < len(tc.want); i++ {
				got, want := report.Findings[i], tc.want[i]
				matched = got.Severity == want.Severity && got.Where == want.Where && strings.Contains(got.What, want.What)
			}
			if !matched {
				t.Errorf("findings %+v, want %+v", report.Findings, tc.want)
			}
			forbids := len(tc.want) > 0 && tc.want[0].Severity == e
			if report.OK() == forbids || report.Trailer != snapshot.TrailerMatched {
				t.Errorf("OK %v, trailer %s", report.OK(), report.Trailer)
			}
			err := structure(t, path)
			if forbids {
				explained(t, err, snapshot.ErrCorrupt, path)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

// TestNestedBucket is the one defect that craft cannot write.
func TestNestedBucket(t *testing.T) {
	t.Parallel()
	b := edit(t, small(t), func(tx *bbolt.Tx) error {
		_, err := tx.Bucket([]byte(schema.AuthUsersBucket)).CreateBucket([]byte("nested"))
		return err
	})
	report := verify(t, write(t, b))
	if report.OK() || len(report.Findings) != 1 || !strings.Contains(report.Findings[0].What, "etcd nests none") {
		t.Errorf("%+v", report)
	}
}

func TestFindingsAreCapped(t *testing.T) {
	t.Parallel()
	sound := small(t)
	var errs, warnings []any
	for i := range 1500 {
		errs = append(errs, put{schema.MembersRemovedBucket, fmt.Sprintf("no-id-%d", i), "x"})
		warnings = append(warnings, put{schema.MetaBucket, fmt.Sprintf("a-other-%d", i), "x"})
	}
	count := func(r *snapshot.Report) map[snapshot.Severity]int {
		n := map[snapshot.Severity]int{}
		for _, f := range r.Findings {
			n[f.Severity]++
		}
		return n
	}
	report := verify(t, write(t, craft(t, sound, errs...)))
	if diff := cmp.Diff(map[snapshot.Severity]int{snapshot.Error: 1000}, count(report)); diff != "" || !report.Truncated || report.OK() {
		t.Errorf("truncated %v, OK %v, findings %s", report.Truncated, report.OK(), diff)
	}
	report = verify(t, write(t, craft(t, sound, warnings...)))
	if diff := cmp.Diff(map[snapshot.Severity]int{snapshot.Warning: 1000}, count(report)); diff != "" || !report.Truncated || !report.OK() {
		t.Errorf("truncated %v, OK %v, findings %s", report.Truncated, report.OK(), diff)
	}
	// Warnings must not hide an error that comes behind them.
	report = verify(t, write(t, craft(t, sound, append(warnings, put{schema.MetaBucket, schema.TermKey, "x"})...)))
	if diff := cmp.Diff(map[snapshot.Severity]int{snapshot.Warning: 1000, snapshot.Error: 1}, count(report)); diff != "" || report.OK() {
		t.Errorf("OK %v, findings %s", report.OK(), diff)
	}
}

func TestTrailer(t *testing.T) {
	t.Parallel()
	sound := small(t)
	wrong := append(cut(sound)[:len(sound)-32:len(sound)-32], make([]byte, 32)...)
	for name, tc := range map[string]struct {
		content []byte
		state   snapshot.Trailer
		ok      bool
		err     error
	}{
		"matched":    {sound, snapshot.TrailerMatched, true, nil},
		"missing":    {cut(sound), snapshot.TrailerMissing, true, snapshot.ErrNoTrailer},
		"mismatched": {wrong, snapshot.TrailerMismatched, false, snapshot.ErrCorrupt},
	} {
		path := write(t, tc.content)
		report := verify(t, path)
		st, err := open(t, path).ReadStatus(t.Context(), snapshot.StatusOptions{Digest: true})
		if err != nil || report.Trailer != tc.state || report.OK() != tc.ok || st.Trailer != tc.state || st.SHA256 != report.SHA256 {
			t.Errorf("%s: %+v, %+v, %v", name, report, st, err)
		}
		if len(report.Findings) > 1 || (len(report.Findings) == 0) != (tc.err == nil) {
			t.Errorf("%s: %+v", name, report.Findings)
		}
		if err := snapshot.TrailerError(path, tc.state); tc.err != nil {
			explained(t, err, tc.err, path)
		} else if err != nil {
			t.Error(err)
		}
		claimed, err := open(t, path).ClaimedSHA256()
		if err != nil || (claimed == report.SHA256) != (tc.state == snapshot.TrailerMatched) || (claimed == "") != (tc.state == snapshot.TrailerMissing) {
			t.Errorf("%s: claims %q, %v", name, claimed, err)
		}
	}
}

// TestStatusRefusesDamage: status reads every page, so it must not print a hash
// of what it could not read.
func TestStatusRefusesDamage(t *testing.T) {
	t.Parallel()
	for _, change := range []put{
		{schema.KeyBucket, "short", "x"},
		{schema.KeyBucket, string(schema.Revision{Main: 1 << 30}.Key()), "garbage"},
		{schema.MembersBucket, "ab", "x"},
		{schema.AlarmBucket, "x", ""},
		{schema.AuthBucket, schema.AuthRevisionKey, "x"},
		{schema.MetaBucket, schema.TermKey, "x"},
		{schema.MetaBucket, schema.FinishedCompactKey, "x"},
		{schema.ClusterBucket, schema.DowngradeKey, "x"},
	} {
		path := write(t, craft(t, small(t), change))
		_, err := open(t, path).ReadStatus(t.Context(), snapshot.StatusOptions{})
		explained(t, err, snapshot.ErrCorrupt, path)
	}
}

// TestFacts reads what the small buckets say.
func TestFacts(t *testing.T) {
	t.Parallel()
	path := write(t, craft(t, small(t),
		put{schema.AlarmBucket, marshal(t, &etcdserverpb.AlarmMember{MemberID: 171, Alarm: 2}), ""},
		put{schema.AuthBucket, schema.AuthEnabledKey, "\x01"},
		put{schema.AuthBucket, schema.AuthRevisionKey, string(schema.Index(9))},
		put{schema.ClusterBucket, schema.DowngradeKey, `{"enabled":true}`},
	))
	got, err := open(t, path).Facts()
	want := snapshot.Facts{
		Members:         []schema.Member{{ID: 0x8211f1d0f64f3269, PeerURLs: []string{"http://127.0.0.1:2380"}, Name: "m0", ClientURLs: []string{"http://127.0.0.1:2379"}}},
		Alarms:          []snapshot.Alarm{{MemberID: 171, Alarm: "CORRUPT"}},
		Auth:            snapshot.Auth{Enabled: true, Revision: 9},
		ConsistentIndex: 400, Term: 5, StorageVersion: "3.7.0", ClusterVersion: "3.7.0", Downgrading: true,
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	st, err := open(t, path).ReadStatus(t.Context(), snapshot.StatusOptions{})
	if err != nil || !st.Kubernetes || st.Leases != 500 || st.TotalKey != 200 || st.Trailer != "" {
		t.Errorf("%+v, %v", st, err)
	}
	view, err := open(t, path).Keyspace()
	if k, kErr := view.Kubernetes(); errors.Join(err, kErr) != nil || !k {
		t.Errorf("kubernetes %v, %v, %v", k, err, kErr)
	}
}
