package etcdrestore

import (
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/etcd-restore/etcd-restore/pkg/noderestore"
	"github.com/etcd-restore/etcd-restore/pkg/preflight"
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

// A plan for three nodes that are alike says so once, and which of its checks were not
// made; what is lost is said again to whoever is asked, and the next command is the last.
func TestPlanOfNodesThatAreAlike(t *testing.T) {
	t.Parallel()
	part := noderestore.Part{Member: "m", OldData: "/var/lib/etcd", NewData: "/var/lib/new"}
	checks := &preflight.Report{Results: []preflight.Result{{Severity: preflight.OK}, {Severity: preflight.OK}, {Severity: preflight.Skipped}}}
	plan := &recovery.Plan{
		Decision:  noderestore.Decision{Proof: revision.Proof{Snapshot: 411, Highest: 414}},
		Nodes:     map[string]noderestore.Part{"cp1": part, "cp2": part, "cp3": part},
		Checks:    map[string]*preflight.Report{"cp1": checks, "cp2": checks, "cp3": checks},
		Estimates: recovery.Estimates{DowntimeSeconds: 20},
	}
	r := clusterPlanReport{plan: plan, next: "kubectl etcd-restore run snap.db"}
	got := r.words()
	fits(t, got)
	for _, want := range []string{
		"On the nodes\n  each          /var/lib/etcd stays; new /var/lib/new\n",
		"Checks\n  each          2 of 3 are well, 1 skipped\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if !strings.HasSuffix(got, "\nnext:\n  kubectl etcd-restore run snap.db\n") {
		t.Errorf("it ends with\n%s", got)
	}
	if got, want := r.stakes(), "It loses 3 revisions after the snapshot. It takes about 20 s without any API\nserver.\n"; got != want {
		t.Errorf("it asks after\n%s", got)
	}
	part.OldData = "/data"
	plan.Nodes["cp2"] = part
	if got := r.words(); !strings.Contains(got, "  cp2           /data stays") || !strings.Contains(got, "  cp3           /var/lib/etcd stays") {
		t.Errorf("nodes that differ:\n%s", got)
	}
}

// The command behind a plan decides the same.
func TestPlanIsRunAsPlanned(t *testing.T) {
	t.Parallel()
	o := newClusterPlanOptions(Streams{}, newOptions())
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	o.AddFlags(flags)
	given := []string{"--exclude-node", "cp3", "--assert-destroyed", "cp3", "--data-dir-mode", "swap", "--skip-hash-check"}
	if err := flags.Parse(given); err != nil {
		t.Fatal(err)
	}
	if got, want := o.decided(), " "+strings.Join(given, " "); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
