package etcdrestore

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/coreos/go-semver/semver"
	"github.com/google/go-cmp/cmp"

	"github.com/etcd-restore/etcd-restore/pkg/cri"
	"github.com/etcd-restore/etcd-restore/pkg/datadir"
	"github.com/etcd-restore/etcd-restore/pkg/etcdclient"
	"github.com/etcd-restore/etcd-restore/pkg/evidence"
	"github.com/etcd-restore/etcd-restore/pkg/journal"
	"github.com/etcd-restore/etcd-restore/pkg/kubeadm"
	"github.com/etcd-restore/etcd-restore/pkg/kubelet"
	"github.com/etcd-restore/etcd-restore/pkg/node"
	"github.com/etcd-restore/etcd-restore/pkg/schema"
	"github.com/etcd-restore/etcd-restore/pkg/staticpod"
	"github.com/etcd-restore/etcd-restore/pkg/topology"
	"github.com/etcd-restore/etcd-restore/test/nodetest"
)

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// healthy is a node on which nothing is wrong.
func healthy(t *testing.T) *node.Facts {
	t.Helper()
	n := nodetest.New(t)
	n.WriteEtcd(t, nodetest.EtcdFlags{Name: "cp1", PeerURL: "https://10.0.0.1:2380", ClientURL: "https://127.0.0.1:1", InitialCluster: "cp1=https://10.0.0.1:2380"})
	folder, err := staticpod.Read(n.ManifestFolder())
	if err != nil {
		t.Fatal(err)
	}
	file, err := folder.Component("etcd")
	if err != nil {
		t.Fatal(err)
	}
	container, err := file.Manifest.Etcd()
	if err != nil {
		t.Fatal(err)
	}
	f := &node.Facts{
		Time: noon, Hostname: "cp1", Root: true,
		Manifests: node.Manifests{Path: "/etc/kubernetes/manifests", Folder: folder},
		Etcd: node.Etcd{
			File: file, Container: container, Version: semver.New("3.7.3"), Name: "cp1", PeerURLs: []string{"https://10.0.0.1:2380"},
			Quota: 2 << 30,
		},
		Data: node.Data{
			Dir:    node.Directory{Path: "/var/lib/etcd", Size: 145e6, Free: 63e9, Mode: 0o700},
			DBSize: 17e6, Running: true,
			Source: evidence.Source{
				Proven: 1514, ConsistentIndex: 1851, MemberID: 0x411cebcf04d70845, MemberName: "cp1", ClusterID: 0x70913d9536235acf,
				Members: []schema.Member{{ID: 0x411cebcf04d70845, Name: "cp1", PeerURLs: []string{"https://10.0.0.1:2380"}}},
			},
		},
		Live: node.Live{
			Endpoint: "https://127.0.0.1:2379",
			Status:   etcdclient.MemberStatus{MemberID: 0x411cebcf04d70845, Leader: 0x411cebcf04d70845, Revision: 1520, Term: 3, Version: "3.7.3"},
		},
		Kubelet: node.Kubelet{State: kubelet.State{PID: 147, Started: noon.Add(-time.Hour)}},
		Runtime: node.Runtime{Endpoint: "unix:///run/containerd/containerd.sock", Name: "containerd", Version: "2.3.7"},
		Runs:    node.Runs{Path: "/var/lib/etcd-restore"},
	}
	for _, name := range topology.Components() {
		f.Runtime.Pods = append(f.Runtime.Pods, pod(name, cri.Container{State: cri.Running, Started: noon.Add(-90 * time.Minute)}))
	}
	for i, files := range (kubeadm.Node{}).Certificates() {
		leaf := &x509.Certificate{NotAfter: noon.AddDate(0, 0, 100-10*i)}
		f.Certificates = append(f.Certificates, node.Certificate{Files: files, Certificate: &kubeadm.Certificate{Files: files, Leaf: leaf}})
	}
	return f
}

func pod(name string, c cri.Container) cri.Pod {
	c.Name, c.ID = name, "0123456789abcdef-"+name
	return cri.Pod{Name: name + "-cp1", Namespace: "kube-system", Containers: []cri.Container{c}}
}

// dead is the same node once its etcd was killed.
func dead(t *testing.T) *node.Facts {
	f := healthy(t)
	f.Live = node.Live{Endpoint: "https://127.0.0.1:2379", Err: errors.New("https://127.0.0.1:2379: unreachable: connection refused")}
	f.Data.Running = false
	f.Data.Source.Ahead = 7
	f.Runtime.Pods[0] = pod("etcd", cri.Container{State: cri.Exited, ExitCode: 137, Reason: "OOMKilled", Attempt: 5, Finished: noon.Add(-20 * time.Second)})
	f.Runtime.Pods[1] = pod("kube-apiserver", cri.Container{State: cri.Exited, ExitCode: 1, Reason: "Error", Attempt: 12, Finished: noon.Add(-5 * time.Minute)})
	return f
}

// hostile is a node on which everything that somebody else may name tries to drive
// the terminal.
func hostile(t *testing.T) *node.Facts {
	f := healthy(t)
	const evil = "\x1b]0;owned\a\x1b[2J\u202e\r\nHEALTHY: all is well"
	f.Hostname += evil
	f.Etcd.Name = evil
	f.Etcd.PeerURLs = []string{evil, strings.Repeat("x", 300)}
	f.Etcd.FlagsErr = errors.New(evil)
	f.Data.Source.MemberName = evil
	f.Data.Source.Members = []schema.Member{{ID: 1, Name: evil, PeerURLs: []string{evil}}, {ID: 2, Name: evil}}
	f.Data.SourceErr = errors.New(evil)
	f.Live.Status.Alarms = []string{evil}
	f.Runtime.Name, f.Runtime.Version = evil, evil
	f.Runtime.Pods[0].Containers[0].Reason = evil
	f.Runtime.Pods[0].Containers[0].State = cri.Exited
	f.Manifests.Findings = []staticpod.Finding{{File: evil + ".yaml", Problem: staticpod.ProblemMalformed, Detail: evil}}
	f.Kubelet.State.Healthy = errors.New(evil)
	f.Runs.Runs = []journal.Summary{{Name: "20261126T120000Z-4f2a9c", Err: errors.New(evil)}}
	return f
}

func scenarios(t *testing.T) map[string]*node.Facts {
	t.Helper()
	edit := func(f *node.Facts, change func(*node.Facts)) *node.Facts {
		change(f)
		return f
	}
	return map[string]*node.Facts{
		"healthy": healthy(t),
		"dead":    dead(t),
		"hostile": hostile(t),
		"destroyed": edit(dead(t), func(f *node.Facts) {
			f.Data = node.Data{Dir: f.Data.Dir, SourceErr: fmt.Errorf("open data directory /var/lib/etcd: %w: it is empty", datadir.ErrNotDataDir)}
		}),
		"no-leader": edit(healthy(t), func(f *node.Facts) {
			f.Live.Status.Leader = 0
			f.Data.Source.Members = append(f.Data.Source.Members, schema.Member{ID: 2, Name: "cp2", PeerURLs: []string{"https://10.0.0.2:2380"}})
		}),
		"everything-dead": edit(dead(t), func(f *node.Facts) {
			f.Kubelet = node.Kubelet{Err: kubelet.ErrNotRunning, ConfigErr: fs.ErrNotExist}
			f.Runtime = node.Runtime{Endpoint: cri.DefaultEndpoint, Err: cri.ErrUnreachable}
			f.Certificates[0].Bad = fmt.Errorf("%w: /etc/kubernetes/pki/etcd/server.crt expired on 2026-11-25 12:00 UTC", kubeadm.ErrCertificate)
		}),
		"not-root": edit(dead(t), func(f *node.Facts) {
			f.Root = false
			f.Manifests = node.Manifests{Path: "/etc/kubernetes/manifests", Err: fs.ErrPermission}
			f.Etcd = node.Etcd{Err: fs.ErrPermission}
			f.Data = node.Data{Dir: node.Directory{Path: "/var/lib/etcd"}, Assumed: true, SourceErr: fs.ErrPermission}
			for i := range f.Certificates {
				f.Certificates[i].Certificate, f.Certificates[i].Err = nil, fs.ErrPermission
			}
		}),
		"unfinished": edit(healthy(t), func(f *node.Facts) {
			f.Manifests.Folder = &staticpod.Folder{Path: "/etc/kubernetes/manifests"}
			f.Etcd = node.Etcd{Err: staticpod.ErrNoEtcd}
			f.Runs.Runs = []journal.Summary{unfinished()}
		}),
	}
}

func unfinished() journal.Summary {
	return journal.Summary{
		Name: "20261126T115500Z-4f2a9c",
		State: journal.State{
			Begun: noon.Add(-5 * time.Minute), Changed: noon.Add(-4 * time.Minute),
			Steps: []journal.Step{{Name: "stage/copy", Event: journal.Done}, {Name: "stop/etcd", Event: journal.Intent}},
		},
		Records: []journal.Record{
			{Seq: 1, Time: noon.Add(-5 * time.Minute), Event: journal.Created, Plan: strings.Repeat("ab", 32)},
			{Seq: 2, Time: noon.Add(-5 * time.Minute), Event: journal.Intent, Step: "stage/copy"},
			{Seq: 3, Time: noon.Add(-4 * time.Minute), Event: journal.Done, Step: "stage/copy"},
			{Seq: 4, Time: noon.Add(-4 * time.Minute), Event: journal.Intent, Step: "stop/etcd"},
		},
	}
}

func TestStatusPages(t *testing.T) {
	t.Parallel()
	for name, facts := range scenarios(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, format := range []Format{Text, JSON} {
				var got strings.Builder
				if err := (&Options{Format: format}).print(&got, newNodeStatus(facts, plugin)); err != nil {
					t.Fatal(err)
				}
				golden(t, name, format, got.String())
				if format == Text {
					fits(t, got.String())
				}
			}
		})
	}
}

func golden(t *testing.T, name string, format Format, got string) {
	t.Helper()
	ext := map[Format]string{Text: ".txt", JSON: ".json"}[format]
	path := filepath.Join("testdata", "status", name+ext) // another folder begins with ../
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s, -want +got\n%s", path, diff)
	}
}

// fits wants a text to suit a serial console, and not to drive it. Commands, which
// are pasted, are not broken.
func fits(t *testing.T, text string) {
	t.Helper()
	text, _, _ = strings.Cut(text, "\nnext:\n")
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if n := utf8.RuneCountInString(line); n > columns {
			t.Errorf("%d columns: %s", n, line)
		}
		if strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("a terminal obeys %q", line)
		}
		if strings.HasPrefix(line, "HEALTHY: all is") || strings.HasPrefix(line, "all is well") {
			t.Errorf("somebody else's word stands for the verdict: %s", line)
		}
	}
}

// What comes first in a verdict is what stands in the way of everything else.
func TestVerdict(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(*node.Facts)
		state  string
		has    string // in the message
		next   string // in a command
	}{
		"run on its way back": {func(f *node.Facts) {
			r := unfinished()
			r.State.GoingBack = true
			f.Runs.Runs = []journal.Summary{r}
		}, stateUnfinished, "way back", "node rollback 20261126T115500Z-4f2a9c"},
		"run at work": {func(f *node.Facts) {
			f.Runs.Runs, f.Runs.Busy = []journal.Summary{unfinished()}, true
		}, stateUnfinished, "is at work", "node runs 20261126T115500Z-4f2a9c"},
		"run that is committed": {func(f *node.Facts) {
			r := unfinished()
			r.State.Committed = true
			f.Runs.Runs = []journal.Summary{r}
		}, stateUnfinished, "no way back", "node resume 20261126T115500Z-4f2a9c"},
		"run that is finished": {func(f *node.Facts) {
			r := unfinished()
			r.State.Outcome = journal.Complete
			f.Runs.Runs = []journal.Summary{r}
		}, stateHealthy, "", "node save"},
		"kubelet stopped": {func(f *node.Facts) { f.Kubelet = node.Kubelet{Err: kubelet.ErrNotRunning} }, stateDegraded, "kubelet", "systemctl start kubelet"},
		"kubelet stuck":   {func(f *node.Facts) { f.Kubelet.State.Healthy = kubelet.ErrUnhealthy }, stateDegraded, "kubelet", "journalctl"},
		"containers unseen": {
			func(f *node.Facts) { f.Runtime = node.Runtime{Err: cri.ErrUnreachable} },
			stateDegraded, "containers", "systemctl status containerd",
		},
		"API server down": {
			func(f *node.Facts) { f.Runtime.Pods[1] = pod("kube-apiserver", cri.Container{State: cri.Exited}) },
			stateDegraded, "kube-apiserver", "crictl logs --tail 30 0123456789abcdef-kube-apiserver",
		},
		"scheduler gone": {func(f *node.Facts) { f.Runtime.Pods = f.Runtime.Pods[:3] }, stateDegraded, "kube-scheduler", "journalctl"},
		"alarm":          {func(f *node.Facts) { f.Live.Status.Alarms = []string{"NOSPACE"} }, stateDegraded, "NOSPACE", "node save"},
		"quota":          {func(f *node.Facts) { f.Data.DBSize = 2 << 30 }, stateDegraded, "quota", "node save"},
		"expired": {
			func(f *node.Facts) { f.Certificates[1].Bad = expired{} },
			stateDegraded, "expired", "kubeadm certs renew etcd-peer",
		},
		"all expired, nobody troubled yet": {expire, stateDegraded, "expired", "kubeadm certs renew all"},
		"all expired, etcd runs": {func(f *node.Facts) {
			expire(f)
			f.Live = node.Live{Err: errors.New("tls: expired certificate")}
		}, stateDown, "nothing has to be restored", "kubeadm certs renew all\npkill "},
		"all expired, etcd is down": {func(f *node.Facts) {
			expire(f)
			f.Live, f.Data.Running = node.Live{Err: errors.New("refused")}, false
		}, stateDown, "certificates have expired", "systemctl restart kubelet"},
		"all expired, the API server is down": {func(f *node.Facts) {
			expire(f)
			f.Runtime.Pods[1] = pod("kube-apiserver", cri.Container{State: cri.Exited})
		}, stateDegraded, "the API server is not believed", "kubeadm certs renew all"},
		"all expired, and no data": {func(f *node.Facts) {
			expire(f)
			f.Live, f.Data = node.Live{Err: errors.New("refused")}, node.Data{Err: fs.ErrNotExist}
		}, stateDown, "no data", "node run SNAPSHOT"},
		"stray file": {
			func(f *node.Facts) {
				f.Manifests.Findings = []staticpod.Finding{{File: "my old.yaml"}, {File: "etcd.yaml", Problem: staticpod.ProblemDuplicate}}
			},
			stateDegraded, "in the way", "mv -n '/etc/kubernetes/manifests/my old.yaml' /root/",
		},
		"hangs": {
			func(f *node.Facts) { f.Live = node.Live{Err: errors.New("deadline")} },
			stateDown, "does not answer", "crictl logs",
		},
		"manifest gone, etcd dead": {func(f *node.Facts) {
			f.Etcd = node.Etcd{Err: staticpod.ErrNoEtcd}
			f.Live = node.Live{Err: errors.New("refused")}
			f.Data.Running, f.Data.Assumed = false, true
		}, stateDown, "no manifest", "node save snapshot.db --from data-dir"},
		"manifest gone, etcd runs": {func(f *node.Facts) { f.Etcd = node.Etcd{Err: staticpod.ErrNoEtcd} }, stateDegraded, "not clear", "ls -la"},
		"log damaged": {func(f *node.Facts) {
			f.Live = node.Live{Err: errors.New("refused")}
			f.Data.Running, f.Data.SourceErr = false, datadir.ErrCorrupt
		}, stateDown, "damaged", "node save snapshot.db --from data-dir --allow-partial"},
		"log gone": {func(f *node.Facts) {
			f.Live = node.Live{Err: errors.New("refused")}
			f.Data.Running, f.Data.SourceErr = false, datadir.ErrNotDataDir
		}, stateDown, "can be read, at revision 1514", "node run SNAPSHOT"},
		"database unreadable": {func(f *node.Facts) {
			f.Live = node.Live{Err: errors.New("refused")}
			f.Data.Running, f.Data.SourceErr, f.Data.Source = false, datadir.ErrNotDataDir, evidence.Source{}
		}, stateDown, "cannot be read", "node run SNAPSHOT"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := healthy(t)
			tc.change(f)
			v := judge(f, plugin)
			if v.State != tc.state || !strings.Contains(v.Message, tc.has) || !strings.Contains(strings.Join(v.Next, "\n"), tc.next) {
				t.Errorf("%+v", v)
			}
			if strings.Contains(strings.Join(v.Next, "\n"), "manifests/etcd.yaml") {
				t.Errorf("etcd's own manifest is to go: %v", v.Next)
			}
		})
	}
}

// expire lets all certificates end an hour ago.
func expire(f *node.Facts) {
	for i := range f.Certificates {
		leaf := &x509.Certificate{NotAfter: f.Time.Add(-time.Hour)}
		c := &f.Certificates[i]
		c.Certificate, c.Bad = &kubeadm.Certificate{Files: c.Files, Leaf: leaf}, expired{}
	}
}

type expired struct{}

func (expired) Error() string { return "certificate not usable: peer.crt expired" }
func (expired) Hint() string  { return "run kubeadm certs renew etcd-peer" }
