package noderestore

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/etcd-restore/etcd-restore/pkg/journal"
	"github.com/etcd-restore/etcd-restore/pkg/membership"
	"github.com/etcd-restore/etcd-restore/pkg/node"
	"github.com/etcd-restore/etcd-restore/pkg/revision"
	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
)

func names(voters []Voter) (names []string) {
	for _, v := range voters {
		names = append(names, v.Name)
	}
	return names
}

func TestMakeSingle(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "kubeadm-1.37.yaml", single)
	reached := w.facts.Data.Source.Highest()
	for name, tc := range map[string]struct {
		live, highest int64
		floor         bool
	}{
		"etcd is down":   {0, reached, false},
		"etcd is up":     {reached + 5000, reached + 5000, false},
		"etcd is behind": {1, reached, false},
	} {
		t.Run(name, func(t *testing.T) {
			w.facts.Live = node.Live{Err: errors.New("no etcd answers")}
			if tc.live > 0 {
				w.serves(tc.live)
			}
			plan := w.plan(t, ModeManifest)
			d := plan.Decision
			if d.InitialCluster != single || d.TargetVersion != "3.7" || d.ID[:17] != "20261126T120000Z-" || !strings.HasSuffix(d.Token, d.ID[17:]) {
				t.Errorf("decided %+v", d)
			}
			if diff := cmp.Diff([]string{"cp1"}, names(d.Old)); diff != "" {
				t.Error(diff)
			}
			if d.Proof.Highest != tc.highest || d.Proof.Floor != tc.floor || d.Revision <= tc.highest || d.Compacted < tc.highest || d.Compacted > d.Revision {
				t.Errorf("revision %d, compacted %d, %+v; want above %d", d.Revision, d.Compacted, d.Proof, tc.highest)
			}
			if plan.Node.Served.Etcd != (tc.live > 0) || plan.Node.Served.API {
				t.Errorf("served: %+v", plan.Node.Served)
			}
		})
	}
	one, other := w.plan(t, ModeManifest), w.plan(t, ModeManifest)
	if one.Decision.Token == other.Decision.Token || one.Decision.ClusterID == other.Decision.ClusterID {
		t.Error("two plans make one cluster (I4)")
	}
}

// Whoever resumes a run may stand elsewhere than who began it.
func TestMakeAbsolute(t *testing.T) {
	w := newWorld(t, "kubeadm-1.37.yaml", single)
	t.Chdir(filepath.Dir(w.snapshot))
	wish := w.wish(ModeManifest)
	wish.Snapshot = filepath.Base(w.snapshot)
	plan, err := Make(t.Context(), w.facts, wish)
	must(t, err)
	if got := plan.Decision.Snapshot.Path; got != w.snapshot {
		t.Errorf("the snapshot is %s, want %s", got, w.snapshot)
	}
}

// Three members: what nobody is known of counts as unknown, and the clock stands for
// it (I5).
func TestMakeThree(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "kubeadm-1.37.yaml", three)
	wish := w.wish(ModeManifest)
	wish.Members = strings.Split(three, ",")[1:]
	for name, destroyed := range map[string][]string{"all": nil, "one will never run again": {"cp3"}} {
		t.Run(name, func(t *testing.T) {
			wish := wish
			if wish.Destroyed = destroyed; destroyed != nil {
				wish.Members = wish.Members[:1]
			}
			plan, err := Make(t.Context(), w.facts, wish)
			must(t, err)
			d := plan.Decision
			if diff := cmp.Diff([]string{"cp1", "cp2", "cp3"}, names(d.Old)); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(destroyed, d.Destroyed); diff != "" {
				t.Error(diff)
			}
			cluster, err := d.Cluster()
			must(t, err)
			if len(cluster.Members) != 1+len(wish.Members) || hexID(cluster.ID) != d.ClusterID {
				t.Errorf("%d members, cluster %s", len(cluster.Members), d.ClusterID)
			}
			if !d.Proof.Floor {
				t.Errorf("nothing is known of two members, and %+v", d.Proof)
			}
		})
	}
}

// A plan goes as a file to the other nodes: the decision is the same there, the part
// is the node's own.
func TestAdopt(t *testing.T) {
	t.Parallel()
	plan := planOfThree(t)
	digest, err := plan.Decision.Digest()
	must(t, err)

	cp2 := newWorld(t, "kubeadm-1.37.yaml", three, "10.99.0.11", "10.99.0.12", "cp1", "cp2")
	adopted := reread(t, plan)
	adopted.Node.Mode = ModeSwap // as the plan says
	must(t, adopted.Adopt(t.Context(), cp2.facts))
	if got, err := adopted.Decision.Digest(); got != digest || err != nil {
		t.Errorf("another decision: %v", err)
	}
	p := adopted.Node
	if p.Member != "cp2" || p.Mode != ModeSwap || !strings.HasPrefix(p.OldData, cp2.dir) || !strings.HasPrefix(p.NewData, cp2.dir) || !strings.HasPrefix(p.Parked, cp2.dir) {
		t.Errorf("part: %+v", p)
	}
	if base := filepath.Base(p.NewData); base != filepath.Base(plan.Node.NewData) {
		t.Errorf("new data in %s here, and in %s there", base, plan.Node.NewData)
	}
}

// A plan that is a decision alone is one for any member; one of this very member must
// fit what is there.
func TestAdoptAgain(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(*testing.T, *world, *Plan)
		want   string // what has changed
	}{
		"a decision":       {func(_ *testing.T, _ *world, p *Plan) { p.Node = Part{} }, ""},
		"as it was":        {func(*testing.T, *world, *Plan) {}, ""},
		"nothing serves":   {func(_ *testing.T, _ *world, p *Plan) { p.Node.Served = Served{true, true} }, ""},
		"another manifest": {func(_ *testing.T, _ *world, p *Plan) { p.Node.Manifests[1].SHA256 = "0" }, "kube-controller-manager.yaml is another"},
		"a new manifest":   {func(_ *testing.T, _ *world, p *Plan) { p.Node.Manifests = p.Node.Manifests[1:] }, "no manifest of kube-apiserver"},
		"other data":       {func(_ *testing.T, _ *world, p *Plan) { p.Node.OldData += "-1" }, "the data directory is"},
		"another place":    {func(_ *testing.T, _ *world, p *Plan) { p.Node.NewData += "-1" }, "the new data directory is"},
		"another edit":     {func(_ *testing.T, _ *world, p *Plan) { p.Node.Edits[0].To += "-1" }, "edited in another way"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "kubeadm-1.37.yaml", single)
			made := w.plan(t, ModeManifest)
			plan := reread(t, made)
			tc.change(t, w, plan)
			plan = reread(t, plan)
			err := plan.Adopt(t.Context(), w.facts)
			if tc.want != "" {
				if !errors.Is(err, ErrChanged) || !strings.Contains(err.Error(), tc.want) || !plan.Node.Empty() {
					t.Errorf("got %v", err)
				}
				return
			}
			must(t, err)
			if diff := cmp.Diff(made.Node, plan.Node); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Where nothing is restored a decision can be made, too, of what others have seen.
func TestDecide(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "kubeadm-1.37.yaml", three)
	basis := Basis{
		Snapshot: w.snapshot, InitialCluster: three, Old: OldVoters(w.facts), TargetVersion: "3.7", Now: w.wish(ModeManifest).Now,
	}
	for id, name := range w.facts.Data.Source.Voters() {
		basis.Seen = append(basis.Seen, revision.Evidence{Source: "status of " + name, Revision: 1000, MemberID: id, Voters: w.facts.Data.Source.Voters()})
	}
	d, notes, err := Decide(t.Context(), basis)
	must(t, err)
	if d.Proof.Floor || d.Proof.Highest != 1000 || len(notes) > 0 || len(d.Old) != 3 {
		t.Errorf("%+v, %v", d, notes)
	}
	if diff := cmp.Diff(NewPlan(d, basis.Now), reread(t, NewPlan(d, basis.Now))); diff != "" {
		t.Error(diff)
	}
	basis.Seen = basis.Seen[1:]
	if d, _, err = Decide(t.Context(), basis); err != nil || !d.Proof.Floor {
		t.Errorf("one of three is silent: %+v, %v", d, err)
	}
	folder, err := journal.Open(filepath.Join(t.TempDir(), "runs"), journal.Options{})
	must(t, err)
	defer folder.Close()
	if run, err := Run(t.Context(), folder, NewPlan(d, basis.Now), Options{}); run != nil || !errors.Is(err, ErrPlan) {
		t.Errorf("a decision is no plan: %v, %v", run, err)
	}
}

func TestAdoptRefuses(t *testing.T) {
	t.Parallel()
	plan := planOfThree(t)
	for name, tc := range map[string]struct {
		change []string
		set    func(*world)
		want   error
	}{
		"not a member":              {[]string{"10.99.0.11", "10.99.0.14", "cp1", "cp4"}, nil, ErrPlan},
		"a member at another place": {[]string{"10.99.0.11", "10.99.0.14", "cp1", "cp2"}, nil, ErrPlan},
		"its etcd is above the plan": {
			[]string{"10.99.0.11", "10.99.0.12", "cp1", "cp2"},
			func(w *world) { w.serves(plan.Decision.Revision) }, revision.ErrNotCleared,
		},
		"its data are above the plan": {
			[]string{"10.99.0.11", "10.99.0.12", "cp1", "cp2"},
			func(w *world) { w.facts.Data.Source.Proven = plan.Decision.Revision }, revision.ErrNotCleared,
		},
		"its log is above the plan": {
			[]string{"10.99.0.11", "10.99.0.12", "cp1", "cp2"},
			func(w *world) { w.facts.Data.Source.Ahead = plan.Decision.Revision }, revision.ErrNotCleared,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			initial := three
			if tc.set == nil {
				initial = ""
			}
			w := newWorld(t, "kubeadm-1.37.yaml", initial, tc.change...)
			if tc.set != nil {
				tc.set(w)
			}
			if err := reread(t, plan).Adopt(t.Context(), w.facts); !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
		})
	}
}

// What is seen after the stop must be below the plan, too.
func TestCleared(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "kubeadm-1.37.yaml", single)
	d := w.plan(t, ModeManifest).Decision
	source := w.facts.Data.Source
	must(t, d.Cleared(source))
	source.Ahead = d.Revision - source.Proven - 1
	must(t, d.Cleared(source))
	source.Ahead++
	if err := d.Cleared(source); !errors.Is(err, revision.ErrNotCleared) {
		t.Errorf("got %v", err)
	}
}

func TestMakeRefuses(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for name, tc := range map[string]struct {
		set  func(*testing.T, *world, *Wish)
		want error
	}{
		"no snapshot":          {func(_ *testing.T, _ *world, wish *Wish) { wish.Snapshot += "x" }, os.ErrNotExist},
		"no snapshot of etcd":  {func(t *testing.T, w *world, _ *Wish) { must(t, os.WriteFile(w.snapshot, make([]byte, 65536), 0o600)) }, snapshot.ErrNotSnapshot},
		"no manifest of etcd":  {func(_ *testing.T, w *world, _ *Wish) { w.facts.Etcd.Err = broken }, broken},
		"no flags":             {func(_ *testing.T, w *world, _ *Wish) { w.facts.Etcd.FlagsErr = broken }, broken},
		"no folder":            {func(_ *testing.T, w *world, _ *Wish) { w.facts.Manifests.Err = broken }, broken},
		"no place of the data": {func(_ *testing.T, w *world, _ *Wish) { w.facts.Etcd.StorageErr = broken }, broken},
		"no version":           {func(_ *testing.T, w *world, _ *Wish) { w.facts.Etcd.VersionErr = broken }, broken},
		"a member twice":       {func(_ *testing.T, _ *world, wish *Wish) { wish.Members = []string{"cp2=https://10.99.0.11:2380"} }, membership.ErrInvalid},
		"a member without URL": {func(_ *testing.T, _ *world, wish *Wish) { wish.Members = []string{"cp2"} }, membership.ErrInvalid},
		"somebody interrupts":  {nil, context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "kubeadm-1.37.yaml", single)
			wish := w.wish(ModeManifest)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if tc.set == nil {
				cancel()
			} else {
				tc.set(t, w, &wish)
			}
			if _, err := Make(ctx, w.facts, wish); !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
		})
	}
}

// planOfThree is made on cp1.
func planOfThree(t *testing.T) *Plan {
	t.Helper()
	w := newWorld(t, "kubeadm-1.37.yaml", three)
	wish := w.wish(ModeManifest)
	wish.Members = strings.Split(three, ",")[1:]
	plan, err := Make(t.Context(), w.facts, wish)
	must(t, err)
	return plan
}

func reread(t *testing.T, plan *Plan) *Plan {
	t.Helper()
	text, err := plan.Encode()
	must(t, err)
	again, err := Decode(text)
	must(t, err)
	return again
}

// A restore of a cluster that was restored before goes above it, even if the data that
// would tell are gone, and whatever the clock says (I5).
func TestMakeAboveEarlierRuns(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "kubeadm-1.37.yaml", "")
	before := w.plan(t, ModeManifest)
	before.Decision.Revision = 2 * before.Decision.Revision
	text, err := before.Encode()
	must(t, err)
	run := journal.Summary{Name: "20261126T115500Z-4f2a9c", Plan: text}
	for _, committed := range []bool{false, true} {
		run.State.Committed = committed
		w.facts.Runs.Runs = []journal.Summary{run}
		d := w.plan(t, ModeManifest).Decision
		if above := d.Revision >= before.Decision.Revision+revision.Margin; above != committed {
			t.Errorf("committed %t: %d after %d, %+v", committed, d.Revision, before.Decision.Revision, d.Proof)
		}
	}
}
