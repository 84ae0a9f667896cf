package snapshotx_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"

	"github.com/etcd-restore/etcd-restore/plugins/snapshotx"
	"github.com/etcd-restore/etcd-restore/test/bench/fixture"
	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// synthetic writes a small snapshot and returns its path.
func synthetic(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "snapshot.db")
	if err := fixture.Write(path, fixture.Options{Keys: 120, Bytes: 60_000}); err != nil {
		t.Fatal(err)
	}
	return path
}

// utl runs etcdutl 3.7 on a copy of the file, which its hashkv changes.
func utl(t *testing.T, path string, args ...string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	scratch := filepath.Join(t.TempDir(), "copy.db")
	if err := os.WriteFile(scratch, b, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), etcdtest.Binary(t, etcdtest.V37, "etcdutl"), append(args, scratch)...)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", cmd, err)
	}
	return string(out)
}

// TestFormsOfEtcdutl compares simple, table and fields byte for byte.
func TestFormsOfEtcdutl(t *testing.T) {
	t.Parallel()
	path := synthetic(t)
	untouched(t, path)
	for _, form := range []string{"simple", "table", "fields"} {
		for ours, theirs := range map[string][]string{
			"status":              {"snapshot", "status"},
			"hashkv":              {"hashkv"},
			"hashkv --rev 120":    {"hashkv", "--rev", "120"},
			"status --write-out=": nil, // filled in below
		} {
			args := append(strings.Fields(ours), path, "-w", form)
			if theirs == nil {
				args, theirs = []string{"status", path, "--write-out=" + form}, []string{"snapshot", "status"}
			}
			got := run(t, args...)
			want := utl(t, path, append(theirs, "-w", form)...)
			if diff := cmp.Diff(want, got.out); got.code != 0 || diff != "" {
				t.Errorf("%q: %+v (-etcdutl +ours)\n%s", args, got, diff)
			}
		}
	}
}

// TestStatusJSON has the fields of etcdutl, and more.
func TestStatusJSON(t *testing.T) {
	t.Parallel()
	path := synthetic(t)
	var theirs, ours map[string]any
	if err := json.Unmarshal([]byte(utl(t, path, "snapshot", "status", "-w", "json")), &theirs); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(run(t, "status", path, "-w", "json").out), &ours); err != nil {
		t.Fatal(err)
	}
	if len(theirs) != 5 {
		t.Errorf("etcdutl prints %v", theirs)
	}
	for name, value := range theirs {
		if ours[name] != value {
			t.Errorf("%s is %v, etcdutl says %v", name, ours[name], value)
		}
		delete(ours, name)
	}
	sum := ours["sha256"].(string)
	if len(sum) != 64 {
		t.Errorf("sha256 %q", sum)
	}
	delete(ours, "sha256")
	want := map[string]any{
		"trailer": "matched", "currentRevision": 149.0, "compactedRevision": 65.0, "leases": 500.0, "kubernetes": true,
		"members": []any{map[string]any{
			"id": 9372538179322589801.0, "name": "m0",
			"peerURLs": []any{"http://127.0.0.1:2380"}, "clientURLs": []any{"http://127.0.0.1:2379"},
		}},
		"alarms": []any{}, "auth": map[string]any{"enabled": false, "revision": 1.0},
		"consistentIndex": 240.0, "term": 5.0, "storageVersion": "3.7.0", "clusterVersion": "3.7.0", "downgrading": false,
	}
	if diff := cmp.Diff(want, ours); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestHashKVJSON(t *testing.T) {
	t.Parallel()
	path := synthetic(t)
	if got, want := run(t, "hashkv", path, "-w", "json"), utl(t, path, "hashkv", "-w", "json"); got.out != want {
		t.Errorf("%+v, etcdutl says %s", got, want)
	}
}

// TestOfflineFailures: the exit code, and one error with a hint.
func TestOfflineFailures(t *testing.T) {
	t.Parallel()
	sound := synthetic(t)
	b, err := os.ReadFile(sound)
	if err != nil {
		t.Fatal(err)
	}
	cut := filepath.Join(t.TempDir(), "cut.db")
	if err := os.WriteFile(cut, b[:len(b)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	none := filepath.Join(t.TempDir(), "none.db")
	for line, tc := range map[string]struct {
		code int
		want string
	}{
		"status " + none:                   {1, "no such file"},
		"status " + cut:                    {5, "cut short"},
		"verify " + cut:                    {5, "cut short"},
		"hashkv " + cut:                    {5, "cut short"},
		"verify " + filepath.Dir(cut):      {5, "is a directory"},
		"status -":                         {5, "standard input is empty"},
		"hashkv --rev 1 " + sound:          {2, "has been compacted"},
		"hashkv --rev 1000000 " + sound:    {2, "in the future"},
		"hashkv --rev -1 " + sound:         {2, "must not be negative"},
		"hashkv --rev soon " + sound:       {2, "--rev"},
		"status " + sound + " " + sound:    {2, "one FILE expected"},
		"verify":                           {2, "FILE is missing"},
		"status " + sound + " -w protobuf": {2, "simple, table, json, fields"},
	} {
		got := run(t, strings.Fields(line)...)
		if got.code != tc.code || got.out != "" || !strings.Contains(got.err, tc.want) || !strings.Contains(got.err, "\nhint: ") {
			t.Errorf("%s: %+v, want code %d and %q", line, got, tc.code, tc.want)
		}
	}
}

// TestStandardInput reads the snapshot from a pipe.
func TestStandardInput(t *testing.T) {
	t.Parallel()
	path := synthetic(t)
	for _, verb := range []string{"status", "hashkv"} {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		var out, stderr bytes.Buffer
		code := snapshotx.Run(t.Context(), snapshotx.Streams{In: f, Out: &out, ErrOut: &stderr}, []string{verb, "-"})
		f.Close()
		if want := run(t, verb, path).out; code != 0 || out.String() != want {
			t.Errorf("%s: %d %s %s, from the file it is %s", verb, code, &out, &stderr, want)
		}
	}
}

// damaged is a snapshot with a bucket and an entry whose names hold what a
// terminal obeys. It has no trailer.
func damaged(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(synthetic(t))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "damaged.db")
	if err := os.WriteFile(path, b[:len(b)-32], 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{NoFreelistSync: true, Timeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Update(func(tx *bbolt.Tx) error {
		if _, err := tx.CreateBucket([]byte("zoo\x1b[2J\u202eoof")); err != nil {
			return err
		}
		return tx.Bucket([]byte("meta")).Put([]byte("evil\x1b]0;title\x07\x9b31m"), []byte("x"))
	}); err != nil {
		t.Fatal(err)
	}
	if err := db.Update(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte("meta")).Put([]byte("term"), []byte("short"))
	}); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestVerifyPrintsFindings in every form, without what a terminal obeys.
func TestVerifyPrintsFindings(t *testing.T) {
	t.Parallel()
	path := damaged(t)
	untouched(t, path)
	listed := `warning trailer: there is none: a copy of member/snap/db, or a snapshot cut by 32 bytes; changed bits in values cannot be told
warning bucket meta: etcd 3.4 to 3.7 have no key "evil\x1b]0;title\a?31m" there
error   bucket meta: malformed entry: meta key term has 5 bytes, not 8
warning bucket zoo[2Joof: etcd 3.4 to 3.7 have no such bucket
`
	for form, want := range map[string]string{
		"simple": listed + path + ": NOT OK, trailer missing, records: 136, leases: 500\nsha256 ",
		"table":  listed + "┌",
		"fields": listed + "\"OK\" : false\n\"Findings\" : 4\n",
	} {
		got := run(t, "verify", path, "-w", form)
		if got.code != 5 || !strings.HasPrefix(got.out, want) {
			t.Errorf("%s: exit code %d\n%s", form, got.code, cmp.Diff(want, got.out))
		}
		if strings.ContainsAny(got.out+got.err, "\x1b\x07\u202e\u009b") {
			t.Errorf("%s: control characters in %q", form, got.out)
		}
		if !strings.Contains(got.err, "error: "+path+": the snapshot should not be restored\nhint: ") {
			t.Errorf("%s: %s", form, got.err)
		}
	}
}

// TestVerifyJSON is the whole shape.
func TestVerifyJSON(t *testing.T) {
	t.Parallel()
	for path, wantCode := range map[string]int{damaged(t): 5, synthetic(t): 0} {
		got := run(t, "verify", path, "-w", "json")
		var object map[string]any
		if err := json.Unmarshal([]byte(got.out), &object); err != nil || got.code != wantCode {
			t.Fatalf("%+v, %v", got, err)
		}
		if sum := object["sha256"].(string); len(sum) != 64 {
			t.Errorf("sha256 %q", sum)
		}
		delete(object, "sha256")
		want := map[string]any{
			"path": path, "ok": true, "findings": []any{}, "truncated": false, "trailer": "matched", "records": 136.0, "leases": 500.0,
		}
		if wantCode != 0 {
			finding := func(severity, where, what string) any {
				return map[string]any{"severity": severity, "where": where, "what": what}
			}
			want["ok"], want["trailer"] = false, "missing"
			want["findings"] = []any{
				finding("warning", "trailer", "there is none: a copy of member/snap/db, or a snapshot cut by 32 bytes; changed bits in values cannot be told"),
				finding("warning", "bucket meta", `etcd 3.4 to 3.7 have no key "evil\x1b]0;title\a?31m" there`),
				finding("error", "bucket meta", "malformed entry: meta key term has 5 bytes, not 8"),
				finding("warning", "bucket zoo\x1b[2J\u202eoof", "etcd 3.4 to 3.7 have no such bucket"),
			}
		}
		if diff := cmp.Diff(want, object); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	}
}
