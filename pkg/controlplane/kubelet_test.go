package controlplane_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/controlplane"
	"github.com/etcd-restore/etcd-restore/pkg/cri"
)

// machine is a node with a kubelet and a container runtime. The kubelet makes pods of
// the manifests in its folder and ends those whose manifest is gone, as badly as it is
// told to. It lives in the bubble of a test, where time costs nothing.
type machine struct {
	controlplane.Node

	mu   sync.Mutex
	pods []cri.Pod // of the runtime
	held map[string]*held
	next int
	log  []string // what happened to pods, and restarts
	bad  []string // what must never happen

	// How the kubelet behaves. A restart makes it good again.
	deaf     bool           // it does not notice that a manifest is gone
	stubborn bool           // of a name that it knows it takes no other manifest
	blind    map[string]int // how many times it does not notice a manifest, by component
	letsGo   time.Duration  // from the end of a pod to the end of its folder
	again    map[string]int // how often it starts a container once more whose manifest is gone
	hollow   map[string]bool
	behind   time.Duration // from a manifest to its pod, whatever becomes of the manifest
	coming   map[string]bool
	loaded   time.Duration // from the folder of a pod to its sandbox, whatever becomes of the manifest
	broken   error         // why it does not start again

	// How the runtime behaves.
	refusals map[string]int  // how often it refuses to remove a pod, by component
	tough    map[string]bool // containers that SIGTERM does not impress
	down     error           // why it does not answer
}

// held is a pod that the kubelet has not forgotten.
type held struct {
	component string
	file      string
	gone      time.Time // when it was noticed that nothing runs
	ending    bool      // its manifest was gone once: it ends, even if that is there again
	making    bool      // its sandbox is being made
	killed    time.Time
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	dir := t.TempDir()
	m := &machine{
		Node: controlplane.Node{
			Folder: filepath.Join(dir, "manifests"), Parked: filepath.Join(dir, "etcd-restore", "id"), PodDirs: filepath.Join(dir, "pods"),
			Grace: 2 * time.Second,
		},
		held: map[string]*held{}, coming: map[string]bool{}, blind: map[string]int{}, again: map[string]int{}, hollow: map[string]bool{},
		refusals: map[string]int{}, tough: map[string]bool{}, letsGo: 300 * time.Millisecond,
	}
	m.Runtime, m.RestartKubelet = m, m.restart
	for _, sub := range []string{m.Folder, m.PodDirs} {
		must(t, os.MkdirAll(sub, 0o700))
	}
	for _, p := range all() {
		must(t, os.WriteFile(filepath.Join(m.Folder, p.File), []byte(p.Component), 0o600))
	}
	return m
}

// boot lets the kubelet work until the test ends.
func (m *machine) boot(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var ended sync.WaitGroup
	t.Cleanup(func() { cancel(); ended.Wait() })
	m.sync()
	ended.Go(func() {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				m.sync()
			}
		}
	})
}

// sync is one turn of the kubelet's loop.
func (m *machine) sync() {
	m.mu.Lock()
	defer m.mu.Unlock()
	there := m.manifests()
	for uid, h := range m.held {
		if h.ending || there[uid] == "" && !m.deaf {
			h.ending = true
			m.end(uid, h)
		}
	}
	for _, uid := range slices.Sorted(maps.Keys(there)) {
		file := there[uid]
		component := strings.TrimSuffix(file, ".yaml")
		if _, known := m.held[uid]; known || m.refuses(file) || m.busy(file) {
			continue
		}
		if m.behind > 0 {
			if !m.coming[uid] {
				m.coming[uid] = true
				time.AfterFunc(m.behind, func() { m.set(func() { m.take(uid, component, file); delete(m.coming, uid) }) })
			}
			continue
		}
		m.take(uid, component, file)
	}
}

// manifests are the names of the files by the UID that the kubelet gives their pods: a
// hash of all that they hold.
func (m *machine) manifests() map[string]string {
	files := map[string]string{}
	entries, err := os.ReadDir(m.Folder)
	if err != nil {
		m.bad = append(m.bad, err.Error())
	}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(m.Folder, e.Name()))
		if errors.Is(err, os.ErrNotExist) {
			continue
		} else if err != nil {
			m.bad = append(m.bad, err.Error())
		}
		sum := sha256.Sum256([]byte(e.Name() + string(text)))
		files[hex.EncodeToString(sum[:16])] = e.Name()
	}
	for component, n := range m.blind { // noticed once it has been away
		if file := component + ".yaml"; n > 0 && !slices.Contains(slices.Collect(maps.Values(files)), file) && !m.busy(file) {
			m.blind[component] = n - 1
		}
	}
	return files
}

func (m *machine) refuses(file string) bool {
	component := strings.TrimSuffix(file, ".yaml")
	return m.blind[component] > 0 || m.stubborn && slices.Contains(m.log, "start "+component)
}

// busy reports whether a pod of the same name is not finished.
func (m *machine) busy(file string) bool {
	for _, h := range m.held {
		if h.file == file {
			return true
		}
	}
	return false
}

func (m *machine) take(uid, component, file string) {
	h := &held{component: component, file: file}
	m.held[uid] = h
	m.makeDir(uid)
	if m.runs(uid) {
		m.makeDir(uid, "containers", component)
		return
	}
	begin := func() {
		h.making = false
		m.start(uid, component)
		m.makeDir(uid, "containers", component)
	}
	if m.loaded == 0 {
		begin()
		return
	}
	h.making = true
	time.AfterFunc(m.loaded, func() { m.set(begin) })
}

func (m *machine) makeDir(path ...string) {
	if err := os.MkdirAll(filepath.Join(append([]string{m.PodDirs}, path...)...), 0o700); err != nil {
		m.bad = append(m.bad, err.Error())
	}
}

// end stops what runs of a pod whose manifest is gone, and then forgets it. It leaves a
// container half a minute to end.
func (m *machine) end(uid string, h *held) {
	if h.making {
		return
	}
	if m.runs(uid) {
		if h.killed.IsZero() {
			h.killed = time.Now()
		}
		if !m.tough[h.component] || time.Since(h.killed) > 30*time.Second {
			m.kill(func(p cri.Pod) bool { return p.UID == uid })
		}
		return
	}
	if m.again[h.component] > 0 {
		m.again[h.component]--
		m.start(uid, h.component)
		h.gone = time.Time{}
		return
	}
	if h.gone.IsZero() {
		h.gone = time.Now()
	}
	if time.Since(h.gone) >= m.letsGo {
		delete(m.held, uid)
		if err := os.RemoveAll(filepath.Join(m.PodDirs, uid)); err != nil {
			m.bad = append(m.bad, err.Error())
		}
	}
}

func (m *machine) runs(uid string) bool {
	return slices.ContainsFunc(m.pods, func(p cri.Pod) bool { return p.UID == uid && p.Alive() })
}

func (m *machine) start(uid, component string) {
	m.next++
	p := cri.Pod{
		ID: fmt.Sprint("pod", m.next), Name: component + "-cp1", Namespace: "kube-system", UID: uid,
		Static: true, Ready: true, Created: time.Now(),
	}
	if !m.hollow[component] {
		p.Containers = []cri.Container{{ID: fmt.Sprint("container", m.next), Name: component, State: cri.Running}}
	}
	m.pods = append([]cri.Pod{p}, m.pods...)
	m.log = append(m.log, "start "+component)
}

// fill starts the container that a sandbox was made for.
func (m *machine) fill(component string) {
	m.hollow[component] = false
	for i := range m.pods {
		if componentOf(m.pods[i]) == component && m.pods[i].Ready {
			m.pods[i].Containers = []cri.Container{{ID: "late", Name: component, State: cri.Running}}
		}
	}
}

// add puts something into the runtime that the kubelet has not from these manifests.
func (m *machine) add(p cri.Pod) { m.pods = append(m.pods, p) }

// restart is what RestartKubelet is. It is safe only if the manifest is out of what it
// is meant for and nothing of it lives: a kubelet takes that for its own.
func (m *machine) restart(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.log = append(m.log, "restart")
	in := m.manifests()
	for _, p := range m.pods {
		if p.Static && p.Alive() && in[p.UID] == "" && strings.HasSuffix(p.Name, "-cp1") {
			m.bad = append(m.bad, "the kubelet was started again while "+p.Name+" lived, whose manifest is out")
		}
	}
	if m.broken != nil {
		return m.broken
	}
	m.deaf, m.stubborn, m.blind, m.hollow = false, false, map[string]int{}, map[string]bool{}
	for uid := range m.held {
		delete(m.held, uid)
	}
	return ctx.Err()
}

// Pods implements controlplane.Runtime.
func (m *machine) Pods(ctx context.Context, f cri.Filter) ([]cri.Pod, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return nil, m.down
	}
	var pods []cri.Pod
	for _, p := range m.pods {
		if !f.Static || p.Static {
			p.Containers = slices.Clone(p.Containers)
			pods = append(pods, p)
		}
	}
	return pods, ctx.Err()
}

// Stop implements controlplane.Runtime.
func (m *machine) Stop(ctx context.Context, p cri.Pod, grace time.Duration) error {
	if !p.Alive() {
		return nil
	}
	if m.tough[componentOf(p)] {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(grace):
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return m.down
	}
	m.log = append(m.log, "stop "+componentOf(p))
	m.kill(func(q cri.Pod) bool { return q.ID == p.ID })
	return nil
}

func (m *machine) kill(which func(cri.Pod) bool) {
	for i := range m.pods {
		if which(m.pods[i]) {
			m.pods[i].Ready = false
			m.pods[i].Containers = slices.Clone(m.pods[i].Containers)
			for j := range m.pods[i].Containers {
				m.pods[i].Containers[j].State = cri.Exited
			}
		}
	}
}

// Remove implements controlplane.Runtime.
func (m *machine) Remove(_ context.Context, p cri.Pod) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return m.down
	}
	if c := componentOf(p); m.refusals[c] > 0 {
		m.refusals[c]--
		return errors.New(`failed to set removing state for container: container is already in removing state`)
	}
	m.pods = slices.DeleteFunc(m.pods, func(q cri.Pod) bool {
		if q.ID == p.ID && q.Alive() {
			m.bad = append(m.bad, "pod "+q.Name+" was removed alive")
		}
		return q.ID == p.ID
	})
	return nil
}

func componentOf(p cri.Pod) string { return strings.TrimSuffix(p.Name, "-cp1") }

// running are the components that run, in the order of their names.
func (m *machine) running() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var names []string
	for _, p := range m.pods {
		for _, c := range p.Containers {
			if c.State == cri.Running && strings.HasSuffix(p.Name, "-cp1") {
				names = append(names, c.Name)
			}
		}
	}
	slices.Sort(names)
	return names
}

// happened tells how often the log has a line.
func (m *machine) happened(line string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for _, l := range m.log {
		if l == line {
			n++
		}
	}
	return n
}

// well reports what must never happen and did.
func (m *machine) well(t *testing.T) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, what := range m.bad {
		t.Error(what)
	}
}

// set changes how the kubelet or the runtime behaves.
func (m *machine) set(change func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change()
}

func pod(component string) controlplane.Pod {
	return controlplane.Pod{Component: component, File: component + ".yaml", Namespace: "kube-system", Name: component}
}

func all() []controlplane.Pod {
	return []controlplane.Pod{pod("kube-apiserver"), pod("kube-scheduler"), pod(controlplane.Etcd)}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
