package etcdrestore

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/apiserver"
	"github.com/etcd-restore/etcd-restore/pkg/journal"
	"github.com/etcd-restore/etcd-restore/pkg/noderejoin"
	"github.com/etcd-restore/etcd-restore/pkg/noderestore"
	"github.com/etcd-restore/etcd-restore/pkg/proof"
	"github.com/etcd-restore/etcd-restore/pkg/revision"
	"github.com/etcd-restore/etcd-restore/pkg/transport"
	"github.com/etcd-restore/etcd-restore/pkg/workflow"
)

// hand is a node that answers verbs by what stands here.
type hand struct {
	name   string
	answer func(args []string) (any, error)
	left   []transport.Job
}

func (n *hand) Name() string { return n.name }
func (n *hand) Close() error { return nil }
func (n *hand) Leave(_ context.Context, j transport.Job) error {
	n.left = append(n.left, j)
	return nil
}

func (n *hand) Run(_ context.Context, c transport.Command) error {
	answer, err := n.answer(c.Args)
	if err != nil {
		return err
	}
	if lines, ok := answer.(string); ok {
		_, err = io.WriteString(c.Stdout, lines)
		return err
	}
	return json.NewEncoder(c.Stdout).Encode(answer)
}

// whole are the facts of a member of a cluster of two without a restore.
func whole(name, id string) proof.Facts {
	now := time.Now().UTC()
	return proof.Facts{
		Node: name, Time: now, DataDir: "/var/lib/etcd",
		Etcd: proof.Etcd{MemberID: id, ClusterID: "c1", Leader: "a1", Term: 2, Revision: 100, Members: []proof.Member{
			{ID: "a1", Name: "cp1", Clients: []string{"https://10.0.0.1:2379"}}, {ID: "a2", Name: "cp2", Clients: []string{"https://10.0.0.2:2379"}},
		}},
		API: proof.API{
			Revision: 100, DataDir: "/var/lib/etcd", Controllers: []apiserver.Lease{{Name: "kube-scheduler", Renewed: now}},
			Kubelets: []apiserver.Lease{{Name: "cp1", Renewed: now}}, Nodes: []apiserver.Node{{Name: "cp1", Ready: true}},
		},
	}
}

// The second time all are asked for a hash at what all of them have.
func TestCheckNodes(t *testing.T) {
	t.Parallel()
	node := func(name, id string, revision int64) *hand {
		return &hand{name: name, answer: func(args []string) (any, error) {
			f := whole(name, id)
			f.Etcd.Revision = revision
			if i := slices.Index(args, "--hash-revision"); i >= 0 {
				if args[i+1] != "90" {
					t.Errorf("asked for %s", args[i+1])
				}
				f.Hashes = []proof.Hash{{Member: id, Revision: 90, Hash: 7}}
			}
			return nodeFacts{Facts: f}, nil
		}}
	}
	nodes := &Nodes{All: []transport.Node{node("cp1", "a1", 100), node("cp2", "a2", 90)}}
	report, err := checkNodes(t.Context(), nodes, "", proof.Scope{})
	if err != nil || report.Err() != nil {
		t.Fatalf("%v, %v: %+v", err, report.Err(), report)
	}
	nodes.Failed = []Unreached{{"cp3", errors.New("no route")}}
	report, _ = checkNodes(t.Context(), nodes, "", proof.Scope{Excluded: []string{"cp3"}})
	if err := report.Err(); err != nil {
		t.Errorf("excluded: %v", err)
	}
	report, _ = checkNodes(t.Context(), nodes, "", proof.Scope{})
	if err := report.Err(); !errors.Is(err, proof.ErrUnknown) {
		t.Errorf("not excluded: %v", err)
	}
	if _, err := checkNodes(t.Context(), nodes, "20261126T120000Z-4f2a", proof.Scope{}); !errors.Is(err, journal.ErrNoRun) {
		t.Errorf("a run that nobody knows: %v", err)
	}
	for line := range strings.Lines((checkReport{Report: report}).words()) {
		if len(line) > 81 {
			t.Errorf("wide: %q", line)
		}
	}
}

// Endpoints, cluster and directory are those of the nodes that serve; of two clusters
// somebody has to choose one.
func TestRejoinArguments(t *testing.T) {
	t.Parallel()
	o := &RejoinOptions{ClusterOptions: &ClusterOptions{Options: newOptions()}, Sync: time.Minute}
	dead := proof.Facts{Node: "cp4", Etcd: proof.Etcd{Error: "refused"}}
	args, err := o.arguments([]proof.Facts{dead, whole("cp1", "a1"), whole("cp2", "a2")})
	want := "node rejoin --endpoints https://10.0.0.1:2379,https://10.0.0.2:2379 --cluster-id c1 --sync-timeout 1m0s --others-data-dir /var/lib/etcd"
	if err != nil || strings.Join(args, " ") != want {
		t.Errorf("%q, %v", args, err)
	}
	other := whole("cp2", "a2")
	other.Etcd.ClusterID = "c2"
	two := []proof.Facts{whole("cp1", "a1"), other}
	if _, err := o.arguments(two); !errors.Is(err, noderejoin.ErrCluster) {
		t.Errorf("two clusters: %v", err)
	}
	o.ClusterID = "c2"
	if args, err := o.arguments(two); err != nil || !slices.Contains(args, "https://10.0.0.2:2379") {
		t.Errorf("%q, %v", args, err)
	}
	if _, err := o.arguments([]proof.Facts{dead}); !errors.Is(err, noderejoin.ErrCluster) {
		t.Errorf("nobody serves: %v", err)
	}
}

// A run is followed over a connection that breaks, and its end is ours.
func TestRejoinFollow(t *testing.T) {
	t.Parallel()
	first := `{"record":{"seq":1,"event":"created"}}` + "\n" + `{"record":{"seq":2,"event":"intent","step":"join/etcd"}}` + "\n"
	for state, want := range map[string]error{"complete": nil, "rolled back": workflow.ErrRolledBack, "unfinished": workflow.ErrStuck} {
		var out, progress strings.Builder
		o := &RejoinOptions{ClusterOptions: &ClusterOptions{Options: newOptions()}, Sync: time.Minute}
		o.streams.Out, o.streams.ErrOut = &out, &progress
		asked := 0
		n := &hand{name: "cp3", answer: func([]string) (any, error) {
			if asked++; asked == 1 {
				return nil, transport.ErrConnection
			}
			return first + `{"record":{"seq":3,"event":"done","step":"join/etcd"}}` + "\n" +
				`{"state":{"name":"r","state":"` + state + `","kind":"RejoinPlan","decisionID":"d","member":"cp3","clusterID":"c1","oldDataDir":"/old","newDataDir":"/new"}}` + "\n", nil
		}}
		if err := o.follow(t.Context(), n, "cp3", "d"); !errors.Is(err, want) || want == nil && err != nil {
			t.Errorf("%s: %v", state, err)
		}
		if asked != 2 || strings.Count(progress.String(), "join/etcd") != 1 {
			t.Errorf("%s: asked %d times: %s", state, asked, progress.String())
		}
		if want == nil && !strings.Contains(out.String(), "/new") {
			t.Errorf("%s", out.String())
		}
	}
}

// The report has what happened on all nodes in order, what is lost, and how long nobody
// served; and nothing in it ends its table.
func TestIncident(t *testing.T) {
	t.Parallel()
	at := func(s int) time.Time { return noon.Add(time.Duration(s) * time.Second) }
	node := func(name string, from int) *hand {
		return &hand{name: "root@" + name, answer: func([]string) (any, error) {
			s := journal.Summary{Name: "20261126T120000Z-aaaaaa", Records: []journal.Record{
				{Time: at(from), Event: journal.Intent, Step: "stop/manifests"},
				{Time: at(from + 1), Event: journal.Done, Step: "stop/manifests"},
				{Time: at(from + 20), Event: journal.Failed, Step: "verify/ready", Error: "no | answer\n\x1b[2J"},
				{Time: at(from + 30), Event: journal.Done, Step: "verify/ready"},
			}, State: journal.State{Outcome: journal.Complete}}
			report := newRunReport(s, false)
			report.RunPlan = &RunPlan{Member: name}
			report.Decision = &noderestore.Decision{
				ID: "d", Snapshot: noderestore.Snapshot{Path: "/root/snap.db"}, InitialCluster: "cp1=https://10.0.0.1:2380",
				Proof: revision.Proof{Snapshot: 90, Highest: 100}, Old: []noderestore.Voter{{ID: "a1", Name: "cp1"}},
			}
			return report, nil
		}}
	}
	stranger := &hand{name: "cp3", answer: func([]string) (any, error) {
		return nil, &transport.ExitError{Node: "cp3", Code: 2, Message: "no such run"}
	}}
	r := incident{Run: "d", Time: noon}
	if err := r.ask(t.Context(), &Nodes{All: []transport.Node{node("cp1", 0), node("cp2", 4), stranger}}); err != nil {
		t.Fatal(err)
	}
	text := r.words()
	for _, want := range []string{
		"No API server of these nodes served from 12:00:04 to 12:00:30: **26s**.", "| cp1 | complete |", "10 revisions after the snapshot",
		"Nothing is known from cp3: no such run", `no \| answer`, "| stop | 1s | 1s |",
		"| 12:00:01.000 | cp1 | stop/manifests | done |\n| 12:00:04.000 | cp2 | stop/manifests | begun |",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("it does not say %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "\x1b") {
		t.Error("it moves the cursor")
	}
	if err := (&incident{Run: "d"}).ask(t.Context(), &Nodes{All: []transport.Node{stranger}}); err == nil {
		t.Error("nobody knows the run, and that is well")
	}
}

// Without a name, the last restore is meant: not a rejoin, which is later, and not what one
// node alone knows as its last.
func TestLastRestore(t *testing.T) {
	t.Parallel()
	node := func(ids ...string) *hand {
		return &hand{name: "cp", answer: func([]string) (any, error) {
			l := runList{}
			for _, id := range ids {
				kind, id, _ := strings.Cut(id, " ")
				l.Items = append(l.Items, runStatus{Name: id, RunPlan: &RunPlan{Kind: kind, DecisionID: id}})
			}
			return l, nil
		}}
	}
	silent := &hand{name: "cp9", answer: func([]string) (any, error) { return nil, transport.ErrConnection }}
	nodes := &Nodes{All: []transport.Node{
		node("NodePlan 20261126T120000Z-4f2a"), node(noderejoin.Kind+" 20261128T000000Z-ffff", "NodePlan 20261127T120000Z-aaaa"), silent,
	}}
	if got, err := lastRestore(t.Context(), nodes); err != nil || got != "20261127T120000Z-aaaa" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := lastRestore(t.Context(), &Nodes{All: []transport.Node{node()}}); !errors.Is(err, journal.ErrNoRun) {
		t.Errorf("error %v", err)
	}
}
