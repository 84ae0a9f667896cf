package salvage

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/etcd-restore/etcd-restore/pkg/datadir"
	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
)

func names(n int) (keys []string) {
	for i := range n {
		keys = append(keys, fmt.Sprint("key", i))
	}
	return keys
}

// Two of three have an old copy of the log. What the third knows to be committed
// takes the majority's word back, and its database, which holds it, wins.
func TestContradictedMajority(t *testing.T) {
	t.Parallel()
	ahead := three(3, puts(2, 4, 9, 9)...)
	ahead.applied, ahead.keys = 20, names(10)
	r := examined(t, three(1, puts(2, 4, 9, 9)...).make(t), three(2, puts(2, 4, 9, 9)...).make(t), ahead.make(t))
	if r.Majority || r.Complete || !r.Directories[2].Winner || !slices.Contains(r.Needs, NeedPartial) {
		t.Errorf("%+v", r)
	}
}

// A member that was restored from a later snapshot and never started has the log of
// any cluster with its token, but not its revisions.
func TestRestoredAndNeverStarted(t *testing.T) {
	t.Parallel()
	restored := three(1)
	restored.keys = names(50)
	old := three(2, puts(2, 4, 41, 41)...)
	old.applied, old.keys = 41, names(38)
	_, err := fails(t, Config{Sources: sources(restored.make(t), old.make(t))}, ErrConflict)
	if err == nil || !strings.Contains(err.Error(), "at revision 51 with entry 3") || !hinted(err) {
		t.Errorf("%v", err)
	}
	ahead := old
	ahead.applied, ahead.keys = 10, names(38) // more revisions than entries lie between
	_, _ = fails(t, Config{Sources: sources(ahead.make(t), three(1, puts(2, 4, 41, 41)...).make(t))}, ErrConflict)
}

// A database of another cluster beside the log is refused, alone or in company.
func TestForeignDatabase(t *testing.T) {
	t.Parallel()
	foreign := three(1, puts(2, 4, 9, 9)...)
	foreign.voters = []uint64{7, 8}
	_, err := fails(t, Config{Sources: sources(foreign.make(t)), Tail: TailInclude}, ErrConflict)
	if err == nil || !strings.Contains(err.Error(), "lists other members") {
		t.Errorf("%v", err)
	}
	_, _ = fails(t, Config{Sources: sources(three(2, puts(2, 4, 9, 9)...).make(t), foreign.make(t))}, ErrConflict)
}

// forcedOut removes a member as --force-new-cluster does, which is not a request.
func forcedOut(term, index, id uint64) *raftpb.Entry {
	data, err := proto.Marshal(&raftpb.ConfChange{Type: raftpb.ConfChangeRemoveNode.Enum(), NodeId: new(id)})
	if err != nil {
		panic(err)
	}
	return &raftpb.Entry{Type: raftpb.EntryConfChange.Enum(), Term: new(term), Index: new(index), Data: data}
}

// What --force-new-cluster dropped may have been acknowledged: the one voter that is
// left proves nothing, until members are added to it.
func TestForcedNewCluster(t *testing.T) {
	t.Parallel()
	forced := log(puts(2, 4, 9, 9), one(forcedOut(2, 10, 2), forcedOut(2, 11, 3), state(2, 11)))
	alone := examined(t, three(1, forced...).make(t))
	if alone.Majority || !slices.Contains(alone.Needs, NeedTail) || len(alone.Notes) != 1 || !strings.Contains(alone.Notes[0], "--force-new-cluster (entry 11)") {
		t.Errorf("%+v", alone)
	}
	grown := log(forced, one(change(2, 12, raftpb.ConfChangeAddNode, 4), state(2, 12)))
	if r := examined(t, three(1, grown...).make(t), crafted{member: 4, voters: []uint64{1, 2, 3}, applied: 3, term: 1, log: three(4, grown...).log}.make(t)); !r.Majority {
		t.Errorf("with a member added since: %+v", r)
	}
}

// Which directory comes first makes no difference.
func TestOrderOfDirectories(t *testing.T) {
	t.Parallel()
	broken, sound := three(1, puts(2, 4, 9, 9)...).make(t), three(2, puts(2, 4, 9, 9)...).make(t)
	overwrite(t, datadir.DBPath(broken), nil)
	for _, dirs := range [][]string{{broken, sound}, {sound, broken}} {
		if r, _ := salvaged(t, Config{Sources: sources(dirs...)}); !r.Complete || r.AppliedIndex != 9 {
			t.Errorf("%+v", r)
		}
	}
	gap := three(1)
	gap.log = puts(2, 6, 9, 9) // its log does not reach back to its database, which holds as much as the other
	apart := gap.make(t)
	for _, dirs := range [][]string{{apart, sound}, {sound, apart}} {
		if r, _ := salvaged(t, Config{Sources: sources(dirs...)}); !r.Complete || r.AppliedIndex != 9 {
			t.Errorf("%+v", r)
		}
	}
	behind := three(3, puts(2, 4, 8, 8)...).make(t) // its database is sound, its log is not the longest
	for _, dirs := range [][]string{{broken, behind}, {behind, broken}} {
		_, err := fails(t, Config{Sources: sources(dirs...)}, snapshot.ErrNotSnapshot)
		if !hinted(err) {
			t.Errorf("%v", err)
		}
	}
}

// Every directory that cannot be used is named, so that all can be seen to at once.
func TestAllErrorsAtOnce(t *testing.T) {
	t.Parallel()
	empty, gone := t.TempDir(), filepath.Join(t.TempDir(), "gone")
	_, err := Run(t.Context(), Config{Sources: sources(empty, three(1).make(t), gone), Output: filepath.Join(t.TempDir(), "s.db")})
	if err == nil || !strings.Contains(err.Error(), empty) || !strings.Contains(err.Error(), gone) || !hinted(err) {
		t.Errorf("%v", err)
	}
}

// No way leads into a directory that must not change (invariant I1).
func TestOutputThroughALink(t *testing.T) {
	t.Parallel()
	dir := three(1, puts(2, 4, 9, 9)...).make(t)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(datadir.SnapDir(dir), link); err != nil {
		t.Fatal(err)
	}
	for _, output := range []string{filepath.Join(link, "s.db"), filepath.Join(dir, "s.db"), filepath.Join(datadir.WALDir(dir), "s.db")} {
		requireKeptOut(t, dir, output)
	}
	elsewhere := filepath.Join(t.TempDir(), "wal")
	if err := os.Rename(datadir.WALDir(dir), elsewhere); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(elsewhere, datadir.WALDir(dir)); err != nil {
		t.Fatal(err)
	}
	requireKeptOut(t, dir, filepath.Join(elsewhere, "s.db"))
}

func requireKeptOut(t *testing.T, dir, output string) {
	t.Helper()
	before := fingerprint(t, dir)
	_, err := Run(t.Context(), Config{Sources: sources(dir), Tail: TailInclude, Output: output})
	if !errors.Is(err, ErrConfig) || !hinted(err) {
		t.Errorf("%s: %v", output, err)
	}
	if _, err := os.Lstat(output); !errors.Is(err, os.ErrNotExist) || fingerprint(t, dir) != before {
		t.Errorf("%s: there is something in the directory now", output)
	}
}

// An alarm that is dropped is named; CORRUPT asks for more.
func TestDroppedAlarmsAreNoted(t *testing.T) {
	t.Parallel()
	alarm := func(index uint64, kind pb.AlarmType) *raftpb.Entry {
		return request(2, index, &pb.InternalRaftRequest{Alarm: &pb.AlarmRequest{Action: pb.AlarmRequest_ACTIVATE, MemberID: 2, Alarm: kind}})
	}
	dir := three(1, alarm(4, pb.AlarmType_NOSPACE), alarm(5, pb.AlarmType_CORRUPT), state(2, 5)).make(t)
	cfg := Config{Sources: sources(dir), Tail: TailInclude}
	dropped, _ := salvaged(t, cfg)
	notes := strings.Join(dropped.Notes, "\n")
	if len(dropped.Notes) != 2 || !strings.Contains(notes, "NOSPACE of member 2 was dropped") || !strings.Contains(notes, "find out whose is right") {
		t.Errorf("%q", dropped.Notes)
	}
	cfg.KeepAlarms = true
	if kept, _ := salvaged(t, cfg); len(kept.Notes) != 0 {
		t.Errorf("%q", kept.Notes)
	}
}
