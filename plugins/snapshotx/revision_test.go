package snapshotx_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"

	"github.com/etcd-restore/etcd-restore/pkg/datadir"
	"github.com/etcd-restore/etcd-restore/pkg/schema"
	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// proofOf is the decision, as restore and revision print it.
type proofOf struct {
	SnapshotRevision, HighestRevision, FirstRevision int64
	Bump                                             uint64
	HighestFrom                                      string
	Floor                                            bool
	Missing                                          []string
}

// surveyOf is what revision -w json says.
type surveyOf struct {
	Sources []struct {
		Source, Kind, OpenBecause, MemberID, MemberName, ClusterID, TornAt string
		ProvenRevision, HighestRevision, AtMost, LastKey                   int64
		ScheduledCompaction, FinishedCompaction, RequestsAbove             int64
		ConsistentIndex                                                    uint64
		Voters                                                             []struct{ ID, Name string }
	}
	Failed          []struct{ Source, Error string }
	Complete        bool
	HighestRevision int64
	HighestFrom     string
	Restore         *struct {
		Path, SHA256, Command string
		proofOf
	}
	Notes []string
}

// surveyed runs revision with -w json, whose exit code must be code.
func surveyed(t *testing.T, code int, args ...string) surveyOf {
	t.Helper()
	got := run(t, append([]string{"revision", "-w", "json"}, args...)...)
	var s surveyOf
	if err := json.Unmarshal([]byte(got.out), &s); err != nil || got.code != code {
		t.Fatalf("%q: %v, want exit code %d: %+v", args, err, code, got)
	}
	return s
}

// memberAt restores the snapshot into the data directory of one member at
// revision 125 + bump, whose IDs are always the same.
func memberAt(t *testing.T, file string, bump int) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "m0")
	restored(t, file, "--name", "m0", "--data-dir", dir, "--initial-cluster", "m0=http://127.0.0.1:2380",
		"--initial-cluster-token", "etcd-cluster", "--bump-revision", fmt.Sprint(bump), "--mark-compacted")
	return dir
}

// A person reads this on a serial console.
func TestRevisionForAPerson(t *testing.T) {
	t.Parallel()
	file := kubernetesSnapshot(t)
	dir := memberAt(t, file, 1000)
	untouched(t, file, dir)
	t.Run("sources alone", func(t *testing.T) {
		t.Parallel()
		want := `          KIND  PROVEN       AT MOST  SOURCE
      snapshot     125  open: a copy  ` + file + `
data directory    1125          1125  ` + dir + `
highest: 1125 (data directory ` + dir + `)
`
		if got := run(t, "revision", file, dir); got.code != 0 || got.err != "" || got.out != want {
			t.Errorf("%+v\n%s", got, cmp.Diff(want, got.out))
		}
	})
	t.Run("for a restore", func(t *testing.T) {
		t.Parallel()
		got := run(t, "revision", dir, "--for", file, "--seen-revision", "2000")
		if got.code != 0 || got.err != "" {
			t.Fatalf("%+v", got)
		}
		for _, want := range []string{
			"        number    2000  open: as told  --seen-revision\ndata directory    1125           1125  " + dir + "\n" +
				"highest: 2000 (--seen-revision)\nfor        " + file + "\nsha256     ",
			"revision   snapshot revision: 125\n           highest revision seen: 2000 (--seen-revision)\n           no evidence from: m0\n           floor: ",
			"\n           bump: ", "\n           starts at revision: ",
			"\nnote       data directory ",
			"\nnext       add --initial-cluster", "\n           etcdctl-snapshot-x restore ",
		} {
			if !strings.Contains(got.out, want) {
				t.Errorf("lacks %q:\n%s", want, got.out)
			}
		}
		for line := range strings.Lines(strings.NewReplacer(file, "snap.db", dir, "m0").Replace(got.out)) {
			if utf8.RuneCountInString(strings.TrimSuffix(line, "\n")) > 80 {
				t.Errorf("wider than 80 columns: %s", line)
			}
		}
	})
}

func TestRevisionForms(t *testing.T) {
	t.Parallel()
	file := kubernetesSnapshot(t)
	dir := memberAt(t, file, 1000)
	for form, wants := range map[string][]string{
		"table":  {"│      KIND      │ PROVEN │   AT MOST    │", "│ data directory │   1125 │         1125 │", "Highest ", "Bump"},
		"fields": {"\"Source\" : " + dir + "\n\"Kind\" : data directory\n\"Proven revision\" : 1125\n", "\"Failed\" : 0\n\"Highest\" : 1125\n", "\"Missing\" : m0\n"},
	} {
		got := run(t, "revision", dir, "--for", file, "-w", form)
		if got.code != 0 || got.err != "" {
			t.Errorf("%s: %+v", form, got)
		}
		for _, want := range wants {
			if !strings.Contains(strings.ToLower(got.out), strings.ToLower(want)) {
				t.Errorf("%s: lacks %q:\n%s", form, want, got.out)
			}
		}
	}
}

// TestRevisionJSON is the whole shape.
func TestRevisionJSON(t *testing.T) {
	t.Parallel()
	file := kubernetesSnapshot(t)
	dir := memberAt(t, file, 1000)
	got := run(t, "revision", dir, "--for", file, "--seen-revision", "3000000000000000", "-w", "json")
	var object map[string]any
	if err := json.Unmarshal([]byte(got.out), &object); err != nil || got.code != 0 {
		t.Fatalf("%+v, %v", got, err)
	}
	decision := object["restore"].(map[string]any)
	sum := decision["sha256"].(string)
	want := map[string]any{
		"sources": []any{
			map[string]any{
				"source": file, "kind": "snapshot", "provenRevision": 125.0, "highestRevision": 125.0, "openBecause": "a copy",
				"lastKey": 125.0, "scheduledCompaction": 51.0, "finishedCompaction": 51.0, "consistentIndex": 200.0,
				"voters": []any{map[string]any{"id": "8211f1d0f64f3269", "name": "m0"}},
			},
			map[string]any{
				"source": "--seen-revision", "kind": "number", "provenRevision": 3e15, "highestRevision": 3e15, "openBecause": "as told",
			},
			map[string]any{
				"source": dir, "kind": "data directory", "provenRevision": 1125.0, "highestRevision": 1125.0, "atMost": 1125.0,
				"lastKey": 1125.0, "scheduledCompaction": 1125.0, "finishedCompaction": 51.0, "consistentIndex": 1.0,
				"memberID": memberID(t, dir), "memberName": "m0", "clusterID": clusterID(t, dir),
				"voters": []any{map[string]any{"id": memberID(t, dir), "name": "m0"}},
			},
		},
		"failed": []any{}, "complete": true, "highestRevision": 3e15, "highestFrom": "--seen-revision",
		"restore": map[string]any{
			"path": file, "sha256": sum, "snapshotRevision": 125.0, "highestRevision": 3e15, "highestFrom": "--seen-revision",
			"bump": 3e15 + margin - 125, "firstRevision": 3e15 + margin, "floor": false, "missing": []any{"m0"},
			"command": "etcdctl-snapshot-x restore " + file + " --bump-revision=3000000999999875 --mark-compacted --expect-sha256 " + sum,
		},
		"notes": []any{"data directory " + dir + " is of member " + memberID(t, dir) + ", which the snapshot does not list: it was added later, or belongs to another cluster"},
	}
	if diff := cmp.Diff(want, object); diff != "" || len(sum) != 64 {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func memberID(t *testing.T, dir string) string {
	t.Helper()
	return fmt.Sprintf("%x", infoOf(t, dir).MemberID)
}

func clusterID(t *testing.T, dir string) string {
	t.Helper()
	return fmt.Sprintf("%x", infoOf(t, dir).ClusterID)
}

func infoOf(t *testing.T, dir string) *datadir.Info {
	t.Helper()
	info, err := datadir.ReadInfo(t.Context(), datadir.WALDir(dir))
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// Invariant I5: revision --for decides what restore --bump-revision=auto does,
// with the same proof, from the same evidence.
func TestRevisionAndRestoreDecideAlike(t *testing.T) {
	t.Parallel()
	kubernetes, plain := kubernetesSnapshot(t), plainSnapshot(t, true)
	dir := memberAt(t, kubernetes, 1000)
	for name, tc := range map[string]struct {
		file    string
		numbers []string
		dirs    []string
	}{
		"nothing seen":      {kubernetes, nil, nil},
		"a number":          {kubernetes, []string{"777"}, nil},
		"above the floor":   {kubernetes, []string{"3000000000000000", "5"}, nil},
		"a stranger's disk": {kubernetes, nil, []string{dir}},
		"both":              {kubernetes, []string{"1125"}, []string{dir, dir + "," + datadir.WALDir(dir)}},
		"other keyspaces":   {plain, []string{"777"}, []string{dir}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			untouched(t, tc.file, dir)
			survey, planning := []string{"--for", tc.file}, []string{tc.file, "--bump-revision=auto", "--dry-run", "--data-dir", filepath.Join(t.TempDir(), "m")}
			for _, n := range tc.numbers {
				survey, planning = append(survey, "--seen-revision", n), append(planning, "--seen-revision", n)
			}
			for _, d := range tc.dirs {
				survey, planning = append(survey, d), append(planning, "--seen-data-dir", d)
			}
			got, plan := surveyed(t, 0, survey...), restored(t, planning...)
			rev := plan.Revision
			want := proofOf{rev.SnapshotRevision, rev.HighestRevision, rev.FirstRevision, rev.Bump, rev.HighestFrom, rev.Floor, rev.Missing}
			ours := got.Restore.proofOf
			if seconds := (rev.FirstRevision - ours.FirstRevision) / 1_000_000; rev.Floor && seconds >= 0 && seconds < 60 { // a clock went on
				ours.FirstRevision, ours.Bump = want.FirstRevision, ours.Bump+uint64(seconds*1_000_000)
			}
			if diff := cmp.Diff(want, ours); diff != "" {
				t.Errorf("(-restore +revision)\n%s", diff)
			}
			for _, note := range got.Notes {
				if strings.Contains(note, "does not list") && !slices.Contains(plan.Notes, note) {
					t.Errorf("restore does not note %q", note)
				}
			}
		})
	}
}

// The command that is printed works as it is printed, and restores to where the
// proof says; on any other snapshot it is refused.
func TestRevisionPrintsTheCommand(t *testing.T) {
	t.Parallel()
	odd := filepath.Join(t.TempDir(), "it's a $(snapshot) *.db")
	content(read(t, kubernetesSnapshot(t))...)(t, odd)
	squeezed := filepath.Join(t.TempDir(), "snapshot.db.zst")
	compressed(read(t, odd))(t, squeezed)
	for name, file := range map[string]string{
		"a snapshot": kubernetesSnapshot(t), "an odd path": odd, "no trailer": plainSnapshot(t, false), "compressed": squeezed,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			untouched(t, file)
			printed := run(t, "revision", "--for", file)
			_, command, found := strings.Cut(printed.out, "etcdctl-snapshot-x restore ")
			if printed.code != 0 || !found {
				t.Fatalf("%+v", printed)
			}
			command = "etcdctl-snapshot-x restore " + strings.TrimSuffix(command, "\n")
			got := execute(t, func(cmd *exec.Cmd) {
				cmd.Dir = t.TempDir()
				cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(theCommand(t))+":"+os.Getenv("PATH"))
			}, "sh", "-c", command+" -w json")
			var plan planOf
			if err := json.Unmarshal([]byte(got.out), &plan); err != nil || got.code != 0 {
				t.Fatalf("%s: %v, %+v", command, err, got)
			}
			if want := fmt.Sprintf("starts at revision: %d\n", plan.Revision.Restored); !strings.Contains(printed.out, want) || plan.Revision.Compacted != plan.Revision.Restored {
				t.Errorf("restored to %+v:\n%s", plan.Revision, printed.out)
			}
		})
	}
	proof := surveyed(t, 0, "--for", odd)
	words := strings.Fields(strings.ReplaceAll(proof.Restore.Command, proof.Restore.Path, ""))
	other := append([]string{"restore", plainSnapshot(t, true), "--data-dir", filepath.Join(t.TempDir(), "m")}, words[slices.Index(words, "--mark-compacted")-1:]...)
	refused(t, run(t, other...), 5, "another snapshot")
}

// Every refusal has its exit code, one error and a hint, and changes nothing.
func TestRevisionRefusals(t *testing.T) {
	t.Parallel()
	file := kubernetesSnapshot(t)
	dir := memberAt(t, file, 1000)
	scratch := t.TempDir()
	cut, empty, foreign := filepath.Join(scratch, "cut.db"), filepath.Join(scratch, "empty.db"), filepath.Join(scratch, "foreign.db")
	whole := read(t, file)
	content(whole[:len(whole)/2]...)(t, cut)
	content()(t, empty)
	content([]byte("not a database, but long enough to be one"+strings.Repeat(" ", 8000))...)(t, foreign)
	holder := func(name string) string { // a data directory with another log
		other := memberAt(t, file, 5)
		log := filepath.Join(datadir.WALDir(other), firstSegment)
		switch name {
		case "no log":
			if err := os.RemoveAll(datadir.WALDir(other)); err != nil {
				t.Fatal(err)
			}
		case "garbage":
			b := read(t, log)
			b[20] ^= 0xff
			content(b...)(t, log)
		}
		return other
	}
	noLog, garbage := holder("no log"), holder("garbage")
	malformed := rewrite(t, file, true, func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(schema.MetaBucket)).Put([]byte(schema.FinishedCompactKey), []byte("soon"))
	})
	untouched(t, file, dir, scratch, noLog, garbage, malformed)
	for line, tc := range map[string]struct {
		code int
		want string
	}{
		"":                                {2, "a source is missing"},
		"-":                               {2, "standard input"},
		"--for -":                         {2, "standard input"},
		dir + " --for=":                   {2, "--for names no file"},
		dir + " --seen-revision 0":        {2, "--seen-revision must be a positive number"},
		dir + " --seen-revision soon":     {2, "--seen-revision must be a positive number"},
		dir + " --bump-revision 5":        {2, "--bump-revision"},
		"--endpoints ,":                   {2, "--endpoints names none"},
		"/does/not/exist":                 {1, "/does/not/exist: no such file"},
		"--for /does/not/exist":           {1, "/does/not/exist: no such file"},
		scratch:                           {1, "has no directory member"},
		noLog:                             {1, "not an etcd data directory"},
		dir + "," + noLog + "/no":         {1, "no such file"},
		"127.0.0.1:1":                     {1, "127.0.0.1:1: unreachable"},
		"http://127.0.0.1:1":              {1, "127.0.0.1:1: unreachable"},
		"127.0.0.1:1 --cacert /no.pem":    {1, "127.0.0.1:1: certificate"},
		"127.0.0.1:1 -d nowhere.invalid":  {1, "127.0.0.1:1: unreachable"}, // and nobody that a domain names
		"--endpoints 127.0.0.1:1":         {1, "127.0.0.1:1: unreachable"},
		cut:                               {5, "cut short"},
		empty:                             {5, "is empty"},
		foreign:                           {5, "not an etcd snapshot"},
		malformed:                         {5, "finishedCompactRev"},
		garbage:                           {5, "log corrupt"},
		cut + " /does/not/exist " + empty: {5, "3 sources could not be read"},
		"/does/not/exist " + cut:          {1, "2 sources could not be read"},
	} {
		args := append([]string{"revision", "--dial-timeout", "200ms"}, strings.Fields(line)...)
		refused(t, run(t, args...), tc.code, tc.want)
	}
}

// What could be read is not lost for what could not; nothing is decided then.
func TestRevisionWithoutOneSource(t *testing.T) {
	t.Parallel()
	file := kubernetesSnapshot(t)
	dir := memberAt(t, file, 1000)
	cut := filepath.Join(t.TempDir(), "cut.db")
	content(read(t, file)[:5000]...)(t, cut)
	untouched(t, file, dir, cut)
	args := []string{dir, "/does/not/exist", cut, "--for", file}
	got := run(t, append([]string{"revision"}, args...)...)
	for _, want := range []string{
		"        failed       -             -  /does/not/exist\n        failed       -             -  " + cut + "\n",
		"highest of what could be read: 1125 (data directory " + dir + ")\n",
		"revision   not decided: ",
	} {
		if !strings.Contains(got.out, want) {
			t.Errorf("lacks %q:\n%s", want, got.out)
		}
	}
	if strings.Contains(got.out, "bump") || strings.Contains(got.out, "next") || strings.Contains(got.out, "starts at") {
		t.Errorf("looks like a proof:\n%s", got.out)
	}
	if got.code != 1 || !strings.Contains(got.err, "error: 2 sources could not be read:\n  open snapshot: stat /does/not/exist: ") ||
		!strings.Contains(got.err, "\n  the snapshot is corrupt: "+cut) && !strings.Contains(got.err, cut) || !strings.Contains(got.err, "\nhint: ") {
		t.Errorf("%+v", got)
	}
	if fields := run(t, append([]string{"revision", "-w", "fields"}, args...)...); !strings.Contains(fields.out, "\"Source\" : /does/not/exist\n\"Error\" : open snapshot: ") || fields.code != 1 {
		t.Errorf("%+v", fields)
	}
	if table := run(t, append([]string{"revision", "-w", "table"}, args...)...); !strings.Contains(table.out, "│         failed │") || table.code != 1 {
		t.Errorf("%+v", table)
	}
	s := surveyed(t, 1, args...)
	if s.Complete || s.Restore != nil || len(s.Sources) != 2 || len(s.Failed) != 2 || s.Failed[0].Source != "/does/not/exist" || s.HighestRevision != 1125 {
		t.Errorf("%+v", s)
	}
	if s := surveyed(t, 5, dir, "--for", cut); s.Restore != nil || len(s.Sources) != 1 { // the snapshot itself
		t.Errorf("%+v", s)
	}
	s = surveyed(t, 6, dir, "--for", file, "--seen-revision", "4611686018427387904") // no bump clears it
	if s.Restore != nil || len(s.Sources) != 3 || !s.Complete {
		t.Errorf("%+v", s)
	}
}

// Invariant I5 on real members, as what they are given: URLs, host and port,
// directories with the log elsewhere, their databases; running and killed.
func TestRevisionOfRealMembers(t *testing.T) {
	t.Parallel()
	for _, v := range etcdtest.Servers() {
		t.Run(string(v), func(t *testing.T) {
			t.Parallel()
			revisionOfRealMembers(t, v)
		})
	}
}

func revisionOfRealMembers(t *testing.T, v etcdtest.Version) {
	c := etcdtest.New(t, etcdtest.Config{Version: v, Size: 3})
	c.Members[1].WALDir = filepath.Join(t.TempDir(), "wal")
	c.Start(t)
	if _, err := c.Client(t).Put(t.Context(), "a", "b"); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "snapshot.db")
	succeeded(t, run(t, "save", file, "--endpoints", c.Endpoints()[0]))
	list := c.MemberList(t)

	bare := strings.TrimPrefix(c.Endpoints()[1], "http://")
	live := surveyed(t, 0, c.Endpoints()[0], bare+","+c.Endpoints()[2], " "+bare, "--for", file)
	if len(live.Sources) != 4 || live.HighestRevision != 2 || len(live.Restore.Missing) > 0 || live.Restore.Floor || live.Restore.FirstRevision != 2+margin {
		t.Errorf("every member was asked: %+v", live)
	}
	for i, source := range []string{file, c.Endpoints()[0], bare, c.Endpoints()[2]} {
		s := live.Sources[i]
		if s.Source != source || s.ProvenRevision != 2 || i > 0 && (s.Kind != "live member" || s.OpenBecause != "running" || s.AtMost != 0 || s.MemberID == "" || s.ClusterID == "") {
			t.Errorf("%+v", s)
		}
	}
	if some := surveyed(t, 0, "--endpoints", c.Endpoints()[0], "--for", file); !some.Restore.Floor || len(some.Restore.Missing) != 2 {
		t.Errorf("of %d members one was asked: %+v", len(list), some)
	}
	refused(t, run(t, "revision", c.Members[0].DataDir), 6, "holds the lock")
	refused(t, run(t, "revision", datadir.DBPath(c.Members[0].DataDir)), 6, "running etcd")
	refused(t, run(t, "revision", "--for", datadir.DBPath(c.Members[0].DataDir)), 6, "running etcd")
	if s := surveyed(t, 6, c.Members[0].DataDir, c.Endpoints()[0]); s.HighestRevision != 2 || len(s.Failed) != 1 {
		t.Errorf("%+v", s)
	}

	acknowledged := killUnderLoad(t, c)
	var dirs []string
	for _, m := range c.Members {
		dirs = append(dirs, strings.TrimSuffix(m.DataDir+","+m.WALDir, ","))
	}
	untouched(t, c.Members[0].DataDir, c.Members[1].DataDir, c.Members[1].WALDir, c.Members[2].DataDir, file)
	dead := surveyed(t, 0, append(dirs, "--for", file)...)
	if dead.HighestRevision < acknowledged || dead.HighestRevision > acknowledged+2000 || len(dead.Restore.Missing) > 0 || dead.Restore.FirstRevision != dead.HighestRevision+margin {
		t.Errorf("%d was acknowledged: %+v", acknowledged, dead)
	}
	for _, s := range dead.Sources[1:] {
		if s.AtMost != s.ProvenRevision+s.RequestsAbove || s.Kind != "data directory" || s.ProvenRevision > acknowledged+2000 {
			t.Errorf("%+v", s)
		}
	}
	db := datadir.DBPath(c.Members[2].DataDir)
	lone := surveyed(t, 0, db, "--for", file)
	if s := lone.Sources[1]; s.Kind != "snapshot" || s.AtMost != 0 || !lone.Restore.Floor || len(lone.Restore.Missing) != 3 || !strings.Contains(strings.Join(lone.Notes, "\n"), c.Members[2].DataDir+", given as evidence") {
		t.Errorf("a database without its log: %+v", lone)
	}
}

// A file of that name, and a directory with a comma in it, are what they are.
func TestRevisionTellsPathsFromURLs(t *testing.T) {
	file := kubernetesSnapshot(t)
	odd := filepath.Join(t.TempDir(), " a,b ")
	if err := os.Rename(memberAt(t, file, 1000), odd); err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	content(read(t, file)...)(t, "localhost:2379")
	s := surveyed(t, 0, "localhost:2379", odd, "--dial-timeout", "200ms")
	if len(s.Sources) != 2 || s.Sources[0].Kind != "snapshot" || s.Sources[1].Kind != "data directory" || s.HighestRevision != 1125 {
		t.Errorf("%+v", s)
	}
	plan := restored(t, file, "--seen-data-dir", odd, "--dry-run", "--data-dir", "m")
	if plan.Revision.HighestRevision != 1125 {
		t.Errorf("%+v", plan.Revision)
	}
}

func TestRevisionOfClusters(t *testing.T) {
	t.Parallel()
	file := kubernetesSnapshot(t)
	other := filepath.Join(t.TempDir(), "other")
	restored(t, file, "--data-dir", other)
	s := surveyed(t, 0, memberAt(t, file, 1000), other)
	if notes := strings.Join(s.Notes, "\n"); !strings.Contains(notes, "different clusters: ") || !strings.Contains(notes, clusterID(t, other)) {
		t.Errorf("%q", s.Notes)
	}
}

func TestRevisionOfATornLog(t *testing.T) {
	t.Parallel()
	file := kubernetesSnapshot(t)
	dir := memberAt(t, file, 1000)
	log := filepath.Join(datadir.WALDir(dir), firstSegment)
	b := read(t, log)
	content(b[:len(b)-3]...)(t, log)
	s := surveyed(t, 0, dir)
	if one := s.Sources[0]; one.OpenBecause != "log torn" || one.AtMost != 0 || one.TornAt == "" || !strings.Contains(strings.Join(s.Notes, ""), "breaks off") {
		t.Errorf("%+v", s)
	}
}

func TestRevisionInterrupted(t *testing.T) {
	t.Parallel()
	dir := memberAt(t, kubernetesSnapshot(t), 1000)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	got := runWith(ctx, nil, "revision", dir)
	if got.code != 130 || got.out != "" || !strings.Contains(got.err, "error: interrupted") {
		t.Errorf("%+v", got)
	}
}

func TestRevisionCompletesPaths(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"revision", ""}, {"revision", "a", ""}, {"revision", "--for", ""}} {
		if got := run(t, append([]string{"__complete"}, args...)...); got.code != 0 || got.out != ":0\n" {
			t.Errorf("%q: %+v", args, got)
		}
	}
}

// Not parallel, as its subtests: they change the environment.
func TestRevisionEnvironment(t *testing.T) {
	dir := memberAt(t, kubernetesSnapshot(t), 1000)
	t.Setenv("ETCDCTL_ENDPOINTS", "127.0.0.1:1")
	refused(t, run(t, "revision"), 1, "127.0.0.1:1: unreachable")
	got := run(t, "revision", dir)
	if got.code != 0 || !strings.Contains(got.out, "1125") || !strings.Contains(got.err, "note: sources are named") {
		t.Errorf("%+v", got)
	}
}
