package revision_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"testing/quick"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/revision"
)

func noon() time.Time { return time.Date(2026, time.November, 23, 12, 0, 0, 0, time.UTC) }

const noonFloor = 1_795_435_200 * 1_000_000

func seen(revs ...int64) []revision.Evidence {
	var all []revision.Evidence
	for i, rev := range revs {
		all = append(all, revision.Evidence{Source: "member " + string(rune('a'+i)), Revision: rev})
	}
	return all
}

func TestAutoI5(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name     string
		snapshot int64
		seen     []revision.Evidence
		missing  []string
		now      time.Time
		want     revision.Proof
	}{
		{
			name: "nothing but the snapshot", snapshot: 100, now: noon(),
			want: revision.Proof{Snapshot: 100, Highest: 100, HighestFrom: "the snapshot", Bump: 1_000_000_000, First: 1_000_000_100},
		},
		{
			name: "empty snapshot", snapshot: 0, now: noon(),
			want: revision.Proof{HighestFrom: "the snapshot", Bump: 1_000_000_000, First: 1_000_000_000},
		},
		{
			name: "the highest of several", snapshot: 100, seen: seen(500, 90, 700), now: noon(),
			want: revision.Proof{Snapshot: 100, Highest: 700, HighestFrom: "member c", Bump: 1_000_000_600, First: 1_000_000_700},
		},
		{
			name: "a voter is missing", snapshot: 100, seen: seen(500), missing: []string{"m2"}, now: noon(),
			want: revision.Proof{Snapshot: 100, Highest: 500, HighestFrom: "member a", Bump: noonFloor - 100, First: noonFloor, Floor: true, Missing: []string{"m2"}},
		},
		{
			name: "a voter is missing, evidence above the floor", snapshot: 100, seen: seen(noonFloor), missing: []string{"m2"}, now: noon(),
			want: revision.Proof{Snapshot: 100, Highest: noonFloor, HighestFrom: "member a", Bump: noonFloor + 999_999_900, First: noonFloor + 1_000_000_000, Missing: []string{"m2"}},
		},
		{
			name: "the clock does not matter when nobody is missing", snapshot: 100, now: time.Time{},
			want: revision.Proof{Snapshot: 100, Highest: 100, HighestFrom: "the snapshot", Bump: 1_000_000_000, First: 1_000_000_100},
		},
		{
			name: "the last that fits", snapshot: revision.Max - revision.Margin, now: noon(),
			want: revision.Proof{Snapshot: revision.Max - revision.Margin, Highest: revision.Max - revision.Margin, HighestFrom: "the snapshot", Bump: revision.Margin, First: revision.Max},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := revision.Auto(tc.snapshot, tc.seen, tc.missing, tc.now)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, tc.want) {
				t.Errorf("got  %+v\nwant %+v", got, tc.want)
			}
		})
	}
}

func TestAutoRefuses(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name     string
		snapshot int64
		seen     []revision.Evidence
		missing  []string
		now      time.Time
		want     error
		says     string
	}{
		{name: "negative snapshot", snapshot: -1, now: noon(), want: revision.ErrOverflow, says: "the snapshot is at revision -1"},
		{name: "negative evidence", seen: seen(3, -5), now: noon(), want: revision.ErrOverflow, says: "member b is at revision -5"},
		{name: "no headroom above the snapshot", snapshot: revision.Max - revision.Margin + 1, now: noon(), want: revision.ErrOverflow, says: "the snapshot is at"},
		{name: "no headroom above the evidence", seen: seen(math.MaxInt64), now: noon(), want: revision.ErrOverflow, says: "member a is at"},
		{name: "dead clock", missing: []string{"m2"}, now: time.Unix(0, 0), want: revision.ErrNotCleared, says: "1970-01-01T00:00:00Z"},
		{name: "zero clock", missing: []string{"m2"}, now: time.Time{}, want: revision.ErrNotCleared, says: "0001-01-01"},
		{name: "clock whose floor is not below 2^53", missing: []string{"m2"}, now: time.Unix(1<<53/1_000_000, 0), want: revision.ErrNotCleared, says: "2255-"},
		{name: "clock far in the future", missing: []string{"m2"}, now: time.Unix(math.MaxInt64, 0), want: revision.ErrNotCleared, says: "the clock"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := revision.Auto(tc.snapshot, tc.seen, tc.missing, tc.now)
			requireRefused(t, got, err, tc.want, tc.says)
		})
	}
}

func TestFixedI5(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name     string
		snapshot int64
		bump     uint64
		seen     []revision.Evidence
		first    int64
	}{
		{name: "no bump, no evidence", snapshot: 100, bump: 0, first: 100},
		{name: "no bump, evidence below the snapshot", snapshot: 100, bump: 0, seen: seen(99), first: 100},
		{name: "one", snapshot: 100, bump: 1, first: 101},
		{name: "one, evidence at the snapshot", snapshot: 100, bump: 1, seen: seen(100), first: 101},
		{name: "just above the evidence", snapshot: 100, bump: 401, seen: seen(500, 3), first: 501},
		{name: "the last that fits", snapshot: 100, bump: revision.Max - 100, first: revision.Max},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := revision.Fixed(tc.snapshot, tc.bump, tc.seen)
			if err != nil {
				t.Fatal(err)
			}
			if got.First != tc.first || got.Bump != tc.bump || got.Snapshot != tc.snapshot || got.Floor {
				t.Errorf("got %+v, want bump %d and first revision %d", got, tc.bump, tc.first)
			}
		})
	}
}

func TestFixedRefuses(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name     string
		snapshot int64
		bump     uint64
		seen     []revision.Evidence
		want     error
		says     string
	}{
		{name: "no bump, evidence at the snapshot", snapshot: 100, bump: 0, seen: seen(100), want: revision.ErrNotCleared, says: "member a has reached 100; the smallest sufficient bump is 1"},
		{name: "below the evidence", snapshot: 100, bump: 5, seen: seen(90, 2000), want: revision.ErrNotCleared, says: "member b has reached 2000; the smallest sufficient bump is 1901"},
		{name: "at the evidence", snapshot: 100, bump: 400, seen: seen(500), want: revision.ErrNotCleared, says: "smallest sufficient bump is 401"},
		{name: "2^63-1", snapshot: 8, bump: math.MaxInt64, want: revision.ErrOverflow, says: "bump 9223372036854775807"},
		{name: "2^64-1, which etcdutl takes for -1", snapshot: 8, bump: math.MaxUint64, want: revision.ErrOverflow, says: "bump 18446744073709551615"},
		{name: "2^64-616", snapshot: 8, bump: math.MaxUint64 - 615, want: revision.ErrOverflow, says: "add up to more than"},
		{name: "one too many", snapshot: 100, bump: revision.Max - 99, want: revision.ErrOverflow, says: "add up to more than"},
		{name: "snapshot without headroom", snapshot: math.MaxInt64, bump: 0, want: revision.ErrOverflow, says: "add up to more than"},
		{name: "negative snapshot", snapshot: math.MinInt64, bump: 1, want: revision.ErrOverflow, says: "the snapshot is at"},
		{name: "negative evidence", snapshot: 1, bump: 1, seen: seen(-1), want: revision.ErrOverflow, says: "member a is at revision -1"},
		{name: "highest evidence of all", snapshot: 0, bump: 1, seen: seen(math.MaxInt64), want: revision.ErrNotCleared, says: "smallest sufficient bump is 9223372036854775808"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := revision.Fixed(tc.snapshot, tc.bump, tc.seen)
			requireRefused(t, got, err, tc.want, tc.says)
		})
	}
}

func requireRefused(t *testing.T, got revision.Proof, err, want error, says string) {
	t.Helper()
	if !errors.Is(err, want) || !strings.Contains(err.Error(), says) {
		t.Errorf("got error %v, want %q that says %q", err, want, says)
	}
	if !reflect.DeepEqual(got, revision.Proof{}) {
		t.Errorf("a refusal comes with %+v", got)
	}
}

// TestAcceptedProofsI5 checks what every accepted answer promises, on random
// input of every magnitude.
func TestAcceptedProofsI5(t *testing.T) {
	t.Parallel()
	property := func(seed uint64, missing bool) bool {
		random := rand.New(rand.NewPCG(seed, 0))
		magnitude := func() int64 { return int64(random.Uint64() >> random.IntN(65)) }
		snapshot, bump := magnitude(), uint64(magnitude())
		var revs []int64
		for range random.IntN(5) {
			revs = append(revs, magnitude())
		}
		var voters []string
		if missing {
			voters = []string{"m2"}
		}
		auto, err := revision.Auto(snapshot, seen(revs...), voters, noon())
		if err == nil && !holds(auto, snapshot, revs) ||
			err == nil && auto.First < snapshot+1_000_000_000 ||
			err == nil && missing && auto.First < noonFloor {
			t.Logf("Auto(%d, %d, %v) = %+v", snapshot, revs, voters, auto)
			return false
		}
		fixed, err := revision.Fixed(snapshot, bump, seen(revs...))
		if err == nil && (!holds(fixed, snapshot, revs) || fixed.Bump != bump) {
			t.Logf("Fixed(%d, %d, %d) = %+v", snapshot, bump, revs, fixed)
			return false
		}
		return true
	}
	if err := quick.Check(property, &quick.Config{MaxCount: 50_000}); err != nil {
		t.Error(err)
	}
}

func holds(p revision.Proof, snapshot int64, revs []int64) bool {
	for _, rev := range revs {
		if p.First <= rev || p.Highest < rev {
			return false
		}
	}
	return p.Snapshot == snapshot && p.First >= snapshot && p.First <= revision.Max &&
		uint64(p.First-snapshot) == p.Bump
}

func TestProofString(t *testing.T) {
	t.Parallel()
	p, err := revision.Auto(100, seen(500), []string{"m2", "m3"}, noon())
	if err != nil {
		t.Fatal(err)
	}
	const want = `snapshot revision: 100
highest revision seen: 500 (member a)
no evidence from: m2, m3
floor: 1795435200000000 (unix time x 1000000)
bump: 1795435199999900
starts at revision: 1795435200000000`
	if got := p.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
