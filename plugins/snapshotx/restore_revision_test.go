package snapshotx_test

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/datadir"
	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

const (
	margin = 1_000_000_000 // above the evidence
)

// Invariant I5: what each way to say it does to the revision. The snapshot is at
// 125, its one voter m0 has left no evidence.
func TestBumpRevision(t *testing.T) {
	t.Parallel()
	kubernetes, plain := kubernetesSnapshot(t), plainSnapshot(t, true)
	const high = 3_000_000_000_000_000 // above the floor until 2065
	for name, tc := range map[string]struct {
		file  string
		args  string
		want  int64 // the revision restored; 0: the floor
		code  int
		error string
	}{
		"Kubernetes":                {kubernetes, "", 0, 0, ""},
		"Kubernetes, compact":       {kubernetes, "--compact", 0, 0, ""},
		"Kubernetes, auto":          {kubernetes, "--bump-revision auto", 0, 0, ""},
		"auto, said twice":          {kubernetes, "--bump-revision auto --mark-compacted", 0, 0, ""},
		"Kubernetes, off":           {kubernetes, "--bump-revision 0 --mark-compacted=false", 125, 0, ""},
		"0":                         {kubernetes, "--bump-revision 0", 125, 0, ""},
		"mark off":                  {kubernetes, "--mark-compacted=false", 125, 0, ""},
		"1":                         {kubernetes, "--bump-revision 1 --mark-compacted", 126, 0, ""},
		"a billion":                 {kubernetes, "--bump-revision 1000000000 --mark-compacted", 1000000125, 0, ""},
		"to the limit":              {kubernetes, "--bump-revision 4611686018427387779 --mark-compacted", 1 << 62, 0, ""},
		"above the limit":           {kubernetes, "--bump-revision 4611686018427387780 --mark-compacted", 0, 6, "out of range"},
		"2^63-1":                    {kubernetes, "--bump-revision 9223372036854775807 --mark-compacted", 0, 6, "out of range"},
		"2^63":                      {kubernetes, "--bump-revision 9223372036854775808 --mark-compacted", 0, 6, "out of range"},
		"2^64-616":                  {kubernetes, "--bump-revision 18446744073709551000 --mark-compacted", 0, 6, "out of range"},
		"2^64-1":                    {kubernetes, "--bump-revision 18446744073709551615 --mark-compacted", 0, 6, "out of range"},
		"2^64":                      {kubernetes, "--bump-revision 18446744073709551616 --mark-compacted", 0, 2, "--bump-revision"},
		"negative":                  {kubernetes, "--bump-revision -1 --mark-compacted", 0, 2, "--bump-revision"},
		"no number":                 {kubernetes, "--bump-revision much", 0, 2, "--bump-revision"},
		"bump alone":                {kubernetes, "--bump-revision 5", 0, 2, "go together"},
		"mark alone":                {kubernetes, "--mark-compacted", 0, 2, "go together"},
		"auto without mark":         {kubernetes, "--bump-revision auto --mark-compacted=false", 0, 2, "--mark-compacted"},
		"seen, below the snapshot":  {kubernetes, "--seen-revision 100 --bump-revision 1 --mark-compacted", 126, 0, ""},
		"seen, at the snapshot":     {kubernetes, "--seen-revision 125 --bump-revision 0", 0, 6, "does not clear"},
		"seen, below":               {kubernetes, "--seen-revision 200 --bump-revision 74 --mark-compacted", 0, 6, "does not clear"},
		"seen, equal":               {kubernetes, "--seen-revision 200 --bump-revision 75 --mark-compacted", 0, 6, "does not clear"},
		"seen, cleared":             {kubernetes, "--seen-revision 200 --bump-revision 76 --mark-compacted", 201, 0, ""},
		"seen, the highest counts":  {kubernetes, "--seen-revision 300 --seen-revision 200 --bump-revision 100 --mark-compacted", 0, 6, "does not clear"},
		"seen, and no bump":         {kubernetes, "--seen-revision 200 --bump-revision 0", 0, 6, "does not clear"},
		"auto, low evidence":        {kubernetes, "--seen-revision 200", 0, 0, ""}, // m0 may have reached more
		"auto, above the floor":     {kubernetes, fmt.Sprint("--seen-revision ", int64(high)), high + margin, 0, ""},
		"auto, no headroom":         {kubernetes, "--seen-revision 4611686018427387904", 0, 6, "out of range"},
		"seen 0":                    {kubernetes, "--seen-revision 0", 0, 2, "--seen-revision"},
		"seen, negative":            {kubernetes, "--seen-revision -5", 0, 2, "--seen-revision"},
		"seen, no directory":        {kubernetes, "--seen-data-dir /does/not/exist", 0, 1, "/does/not/exist"},
		"seen, nobody there":        {kubernetes, "--seen-endpoint 127.0.0.1:1 --dial-timeout 200ms", 0, 1, "127.0.0.1:1"},
		"other keyspaces":           {plain, "", 2, 0, ""},
		"other keyspaces, compact":  {plain, "--compact", 2, 0, ""},
		"other keyspaces, auto":     {plain, "--bump-revision auto", 0, 0, ""},
		"other keyspaces, evidence": {plain, "--seen-revision 3", 0, 6, "does not clear"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			args := append([]string{tc.file, "--data-dir", filepath.Join(dir, "m")}, strings.Fields(tc.args)...)
			if tc.code != 0 {
				refused(t, run(t, append([]string{"restore"}, args...)...), tc.code, tc.error)
				holds(t, dir)
				return
			}
			before := time.Now().Unix()
			plan := restored(t, args...)
			if rev := plan.Revision; tc.want == 0 {
				first, last := before*1_000_000, time.Now().Unix()*1_000_000
				if !rev.Floor || rev.Restored < first || rev.Restored > last || rev.Restored >= 1<<53 || !slices.Equal(rev.Missing, []string{"m0"}) {
					t.Errorf("want the floor, for want of evidence of m0: %+v", rev)
				}
			} else if rev.Restored != tc.want || rev.Floor {
				t.Errorf("want %d: %+v", tc.want, rev)
			}
			checkRevision(t, plan)
		})
	}
}

// checkRevision checks that the plan adds up, and that the db is as it says.
func checkRevision(t *testing.T, plan planOf) {
	t.Helper()
	rev := plan.Revision
	if rev.Restored != rev.FirstRevision || uint64(rev.Restored-rev.SnapshotRevision) != rev.Bump {
		t.Errorf("it does not add up: %+v", rev)
	}
	got := run(t, "status", "-w", "json", filepath.Join(plan.Members[0].DataDir, "member/snap/db"))
	succeeded(t, got)
	var status struct{ CurrentRevision, CompactedRevision int64 }
	if err := json.Unmarshal([]byte(got.out), &status); err != nil {
		t.Fatal(err)
	}
	if status.CurrentRevision != rev.Restored || status.CompactedRevision != rev.Compacted {
		t.Errorf("the db is %+v, the plan says %+v", status, rev)
	}
	if rev.Bump > 0 && rev.Compacted != rev.Restored {
		t.Errorf("not everything is compacted: %+v", rev)
	}
}

// Invariant I5 on real members: alive, where the status counts, and killed under
// load, where db and log together must account for every acknowledged write.
func TestEvidenceOfRealMembers(t *testing.T) {
	t.Parallel()
	c := etcdtest.New(t, etcdtest.Config{Version: etcdtest.V37, Size: 3})
	c.Members[1].WALDir = filepath.Join(t.TempDir(), "wal")
	c.Start(t)
	if _, err := etcdtest.LoadKubernetes(t.Context(), c.Client(t), etcdtest.KubernetesOptions{}); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "snapshot.db")
	succeeded(t, run(t, "save", file, "--endpoints", c.Endpoints()[0]))
	for i := range 20 {
		if _, err := c.Client(t).Put(t.Context(), "/registry/later", fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	restore := func(args ...string) []string {
		return append([]string{file, "--data-dir", filepath.Join(t.TempDir(), "m")}, args...)
	}

	live := restored(t, restore("--seen-endpoint", c.Endpoints()[0], "--seen-endpoint", c.Endpoints()[1], "--seen-endpoint", c.Endpoints()[2])...)
	served := c.Members[0].Revision(t)
	if rev := live.Revision; rev.HighestRevision != served || rev.Floor || len(rev.Missing) > 0 || rev.Restored != served+margin {
		t.Errorf("all members at %d were asked: %+v", served, rev)
	}
	some := restored(t, restore("--seen-endpoint", c.Endpoints()[0])...)
	if rev := some.Revision; !rev.Floor || !slices.Equal(rev.Missing, []string{"m2", "m3"}) {
		t.Errorf("of three members one was asked: %+v", rev)
	}
	refused(t, run(t, append([]string{"restore"}, restore("--seen-data-dir", c.Members[0].DataDir)...)...), 6, "holds the lock")

	db := datadir.DBPath(c.Members[0].DataDir)
	for _, verb := range []string{"status", "verify", "hashkv"} {
		refused(t, run(t, verb, db), 6, "running etcd")
	}
	refused(t, run(t, "restore", db, "--skip-hash-check", "--data-dir", filepath.Join(t.TempDir(), "m")), 6, "running etcd")

	acknowledged := killUnderLoad(t, c)
	var dirs, flags []string
	for _, m := range c.Members {
		dirs = append(dirs, m.DataDir)
		flags = append(flags, "--seen-data-dir", strings.TrimSuffix(m.DataDir+","+m.WALDir, ","))
	}
	untouched(t, append(dirs, file, c.Members[1].WALDir)...) // I1

	dead := restored(t, restore(flags...)...)
	if rev := dead.Revision; rev.HighestRevision < acknowledged || rev.Floor || len(rev.Missing) > 0 || rev.Restored != rev.HighestRevision+margin {
		t.Errorf("%d was acknowledged: %+v", acknowledged, rev)
	}
	if most := acknowledged + 2000; dead.Revision.HighestRevision > most {
		t.Errorf("the evidence is %d, far above the %d that were acknowledged", dead.Revision.HighestRevision, acknowledged)
	}
	majority := restored(t, restore(flags[:4]...)...)
	if rev := majority.Revision; !rev.Floor || !slices.Equal(rev.Missing, []string{"m3"}) {
		t.Errorf("of three directories two were given: %+v", rev)
	}
	refused(t, run(t, append([]string{"restore"}, restore("--seen-data-dir", c.Members[1].DataDir)...)...), 1, "--wal-dir")
	below := fmt.Sprint(acknowledged - dead.Revision.SnapshotRevision)
	refused(t, run(t, append([]string{"restore"}, restore(append(flags, "--bump-revision", below, "--mark-compacted")...)...)...), 6, "does not clear")
	checkRevision(t, dead)
}

// killUnderLoad kills all members while clients write, and returns the highest
// revision that was acknowledged to one.
func killUnderLoad(t *testing.T, c *etcdtest.Cluster) int64 {
	t.Helper()
	var highest, writes atomic.Int64
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan struct{})
	const clients = 4
	for range clients {
		client := c.Client(t)
		go func() {
			defer func() { done <- struct{}{} }()
			for {
				resp, err := client.Put(ctx, "/registry/load", strings.Repeat("x", 300))
				if err != nil {
					return
				}
				writes.Add(1)
				for old := highest.Load(); resp.Header.Revision > old && !highest.CompareAndSwap(old, resp.Header.Revision); {
					old = highest.Load()
				}
			}
		}()
	}
	for writes.Load() < 300 {
		time.Sleep(time.Millisecond)
	}
	c.Kill(t)
	cancel()
	for range clients {
		<-done
	}
	return highest.Load()
}
