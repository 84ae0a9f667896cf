package salvage

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/etcd/server/v3/storage/mvcc"
	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.etcd.io/raft/v3/raftpb"
)

var rangeAll = mvcc.RangeOptions{}

func log(parts ...[]any) []any { return slices.Concat(parts...) }

func one(records ...any) []any { return records }

// Raft's own rule decides, and how many voters of every configuration that was in
// force after the winner's last known commit stand behind it.
func TestElection(t *testing.T) {
	t.Parallel()
	removed := raftpb.ConfChangeRemoveNode
	added := raftpb.ConfChangeAddNode
	learner := raftpb.ConfChangeAddLearnerNode
	for name, tc := range map[string]struct {
		members  []crafted
		winner   uint64
		majority bool
		proven   uint64
		last     uint64
		voters   []string // given/quorum of voters, from each configuration
	}{
		"longer log": {
			[]crafted{three(1, puts(2, 4, 9, 5)...), three(2, puts(2, 4, 10, 5)...)},
			2, true, 5, 10,
			[]string{"2/2 of m1 m2 m3"},
		},
		"higher term beats longer log": {
			[]crafted{
				three(1, puts(2, 4, 20, 5)...),
				three(2, log(puts(2, 4, 5, 5), puts(3, 6, 6, 5))...),
			},
			2, true, 5, 6,
			[]string{"2/2 of m1 m2 m3"},
		},
		"an overwritten tail is void": {
			[]crafted{
				three(1, log(puts(2, 4, 30, 5), puts(4, 6, 8, 7))...),
				three(2, puts(3, 4, 4, 3)...),
				three(3, puts(2, 4, 6, 5)...),
			},
			1, true, 7, 8,
			[]string{"3/2 of m1 m2 m3"},
		},
		"one of three": {
			[]crafted{three(1, puts(2, 4, 9, 5)...)},
			1, false, 5, 9,
			[]string{"1/2 of m1 m2 m3"},
		},
		"the commit that only the loser knows": {
			[]crafted{three(1, puts(2, 4, 8, 8)...), three(2, puts(2, 4, 10, 5)...)},
			2, true, 8, 10,
			[]string{"2/2 of m1 m2 m3"},
		},
		"a committed addition makes three of two": {
			[]crafted{
				{member: 1, voters: []uint64{1, 2}, applied: 2, term: 1, log: log(founded(1, 2), one(change(2, 3, added, 3)), puts(2, 4, 6, 6))},
			},
			1, false, 6, 6,
			[]string{"1/2 of 3 m1 m2"},
		},
		"an addition in the tail counts with what was before": {
			[]crafted{
				three(1, log(one(change(2, 4, added, 4)), puts(2, 5, 6, 3))...),
				three(2, log(one(change(2, 4, added, 4)), puts(2, 5, 6, 3))...),
			},
			1, false, 3, 6,
			[]string{"2/2 of m1 m2 m3", "2/3 of 4 m1 m2 m3"},
		},
		"a removal in the tail does not help": {
			[]crafted{
				three(1, log(one(change(2, 4, removed, 2), change(2, 5, removed, 3)), puts(2, 6, 6, 3))...),
			},
			1, false, 3, 6,
			[]string{"1/2 of m1 m2 m3", "1/2 of m1 m3", "1/1 of m1"},
		},
		"a committed removal helps": {
			[]crafted{
				three(1, log(one(change(2, 4, removed, 2), change(2, 5, removed, 3)), puts(2, 6, 6, 5))...),
			},
			1, true, 5, 6,
			[]string{"1/1 of m1"},
		},
		"a voter that was removed has no vote": {
			[]crafted{
				three(1, log(one(change(2, 4, removed, 2)), puts(2, 5, 6, 4))...),
				three(2, log(one(change(2, 4, removed, 2)), one(state(2, 4)))...),
			},
			1, false, 4, 6,
			[]string{"1/2 of m1 m3"},
		},
		"a learner has no vote": {
			[]crafted{
				three(1, log(one(change(2, 4, learner, 4)), puts(2, 5, 6, 6))...),
				{member: 4, voters: []uint64{1, 2, 3}, learners: []uint64{4}, applied: 4, term: 2, log: log(founded(1, 2, 3), one(change(2, 4, learner, 4)), puts(2, 5, 6, 6))},
			},
			4, false, 6, 6,
			[]string{"1/2 of m1 m2 m3"},
		},
		"but can win": {
			[]crafted{
				three(1, log(one(change(2, 4, learner, 4)), puts(2, 5, 6, 6))...),
				three(2, log(one(change(2, 4, learner, 4)), puts(2, 5, 5, 5))...),
				three(4, log(one(change(2, 4, learner, 4)), puts(2, 5, 7, 6))...),
			},
			4, true, 6, 7,
			[]string{"2/2 of m1 m2 m3"},
		},
		"a learner promoted in the tail": {
			[]crafted{
				three(1, log(one(change(2, 4, learner, 4), promotion(2, 5, 4)), puts(2, 6, 6, 4))...),
				three(4, log(one(change(2, 4, learner, 4), promotion(2, 5, 4)), puts(2, 6, 6, 4))...),
				three(2, log(one(change(2, 4, learner, 4)), one(state(2, 4)))...),
			},
			1, true, 4, 6,
			[]string{"2/2 of m1 m2 m3", "3/3 of 4 m1 m2 m3"},
		},
		"an overwritten change is none": {
			[]crafted{
				three(1, log(one(change(2, 4, removed, 2), change(2, 5, removed, 3), state(2, 3)), puts(3, 4, 6, 3))...),
			},
			1, false, 3, 6,
			[]string{"1/2 of m1 m2 m3"},
		},
		"equal logs": {
			[]crafted{three(3, puts(2, 4, 9, 5)...), three(2, puts(2, 4, 9, 7)...), three(1, puts(2, 4, 9, 5)...)},
			3, true, 7, 9,
			[]string{"3/2 of m1 m2 m3"},
		},
		"since a raft snapshot": {
			[]crafted{
				{member: 1, voters: []uint64{1, 2, 3}, applied: 9, term: 2, log: log(founded(1, 2, 3), puts(2, 4, 9, 9), one(&walpb.Snapshot{
					Index: new(uint64(9)), Term: new(uint64(2)), ConfState: &raftpb.ConfState{Voters: []uint64{1}, Learners: []uint64{2}},
				}), puts(2, 10, 11, 10))},
			},
			1, true, 10, 11,
			[]string{"1/1 of m1"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var dirs []string
			for _, c := range tc.members {
				dirs = append(dirs, c.make(t))
			}
			r := examined(t, dirs...)
			var voters []string
			for _, c := range r.Configurations {
				voters = append(voters, fmt.Sprintf("%d/%d of %s", c.Given, c.Quorum, strings.Join(c.Voters, " ")))
			}
			if diff := cmp.Diff(tc.voters, voters); diff != "" {
				t.Errorf("configurations (-want +got)\n%s", diff)
			}
			for _, d := range r.Directories {
				// Of equals the first wins: they are the same.
				if d.Winner != (d.MemberID == fmt.Sprint(tc.winner)) && tc.winner != 0 {
					t.Errorf("%+v", d)
				}
				if d.Why == "" || d.Name != "m"+d.MemberID && d.Name != d.MemberID {
					t.Errorf("%+v", d)
				}
			}
			if r.Majority != tc.majority || r.CommittedIndex != tc.proven || r.LastIndex != tc.last || r.Unproven != tc.last-tc.proven {
				t.Errorf("%+v", r)
			}
			if needsTail := slices.Contains(r.Needs, NeedTail); needsTail == tc.majority {
				t.Errorf("needs %v", r.Needs)
			}
		})
	}
}

// Without a majority nothing is written until a person has decided, and the error
// has the numbers to decide by.
func TestTail(t *testing.T) {
	t.Parallel()
	dir := three(1, puts(2, 4, 9, 6)...).make(t)
	_, err := fails(t, Config{Sources: sources(dir)}, ErrNoMajority)
	for _, want := range []string{"1 of 3 voters", "2 are needed", "3 are proven", "3 are not"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q lacks %q", err, want)
		}
	}
	var hinted interface{ Hint() string }
	if !errors.As(err, &hinted) || !strings.Contains(hinted.Hint(), "--tail=include keeps all 6") {
		t.Errorf("%v: no hint", err)
	}
	for tail, last := range map[Tail]uint64{TailInclude: 9, TailCommitted: 6} {
		r, path := salvaged(t, Config{Sources: sources(dir), Tail: tail})
		want := map[string]string{}
		for i := uint64(4); i <= last; i++ {
			want[fmt.Sprintf("k%d", i)] = "term 2"
		}
		if diff := cmp.Diff(want, keys(t, path)); diff != "" || r.AppliedIndex != last || r.Replayed != last-3 || r.Tail != tail || r.Majority {
			t.Errorf("%s: %+v\n%s", tail, r, diff)
		}
	}
	_, _ = fails(t, Config{Sources: sources(dir), Tail: "some"}, ErrConfig)
	_, _ = fails(t, Config{}, ErrConfig)
}

// With a majority the tail is included, and can still be left out.
func TestMajorityIncludesTail(t *testing.T) {
	t.Parallel()
	dirs := sources(three(1, puts(2, 4, 9, 6)...).make(t), three(3, puts(1, 4, 30, 3)...).make(t))
	for tail, last := range map[Tail]uint64{TailDefault: 9, TailInclude: 9, TailCommitted: 6} {
		r, path := salvaged(t, Config{Sources: dirs, Tail: tail})
		if got := len(keys(t, path)); r.AppliedIndex != last || got != int(last)-3 || !r.Majority || len(r.Needs) > 0 {
			t.Errorf("%s: %d keys, %+v", tail, got, r)
		}
	}
}
