package etcdrestore

import (
	"strings"
	"testing"

	"github.com/etcd-restore/etcd-restore/pkg/noderestore"
	"github.com/etcd-restore/etcd-restore/pkg/recovery"
	"github.com/etcd-restore/etcd-restore/pkg/revision"
)

// What is lost is what people decide by: a raised revision is no count of writes, and
// silence would say that nothing is.
func TestLost(t *testing.T) {
	t.Parallel()
	for want, p := range map[string]revision.Proof{
		"3 revisions after":                 {Snapshot: 411, Highest: 414},
		"1 revision after":                  {Snapshot: 411, Highest: 412},
		"a restore has raised the revision": {Snapshot: 411, Highest: 411 + revision.Margin},
		"not all of the old data is known":  {Snapshot: 411, Highest: 411, Floor: true},
		"nothing that the old data tell of": {Snapshot: 411, Highest: 411},
	} {
		if got := lost(&noderestore.Decision{Proof: p}); !strings.Contains(got, want) {
			t.Errorf("%+v: got %q", p, got)
		}
	}
}

// The SHA-256 of a file and that of the database in it are two numbers. Whoever compares
// what save, plan and sha256sum print has to be told which is which.
func TestWhoseSHA256(t *testing.T) {
	t.Parallel()
	file, db := strings.Repeat("f1", 32), strings.Repeat("db", 32)
	decision := noderestore.Decision{Snapshot: noderestore.Snapshot{Path: "snap.db", SHA256: db}}
	for name, tc := range map[string]struct{ page, want string }{
		"save":      {clusterSavedReport{FileSHA256: file, Saved: savedReport{SHA256: db}}.words(), "  file sha256   " + file + "\n  db sha256     " + db + "\n"},
		"node save": {savedReport{SHA256: db}.words(), "  db sha256     " + db + "\n"},
		"plan":      {clusterPlanReport{plan: &recovery.Plan{Decision: decision}}.words(), "db sha256 dbdbdbdbdbdb\n"},
		"node plan": {planReport{plan: &noderestore.Plan{Decision: decision}}.words(), "db sha256 dbdbdbdbdbdb\n"},
	} {
		if text := strings.Join(strings.Fields(tc.page), " "); !strings.Contains(tc.page, tc.want) && !strings.Contains(text, strings.TrimSpace(tc.want)) {
			t.Errorf("%s: no %q in\n%s", name, tc.want, tc.page)
		}
		fits(t, tc.page)
	}
}
