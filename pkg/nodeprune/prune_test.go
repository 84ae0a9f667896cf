package nodeprune

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/etcd-restore/etcd-restore/pkg/journal"
	"github.com/etcd-restore/etcd-restore/pkg/noderejoin"
	"github.com/etcd-restore/etcd-restore/pkg/noderestore"
)

// host is a node with data directories, of which runs tell.
type host struct {
	dir  string
	runs []journal.Summary
}

func newHost(t *testing.T) *host {
	h := &host{dir: t.TempDir()}
	must(t, os.MkdirAll(h.path("runs"), 0o700))
	return h
}

func (h *host) path(elements ...string) string {
	return filepath.Join(append([]string{h.dir}, elements...)...)
}

// data makes a data directory of 1000 bytes.
func (h *host) data(t *testing.T, name string) {
	t.Helper()
	snap := h.path(name, "member", "snap")
	must(t, os.MkdirAll(snap, 0o700))
	must(t, os.WriteFile(filepath.Join(snap, "db"), make([]byte, 1000), 0o600))
}

// run notes a run, the n-th.
func (h *host) run(t *testing.T, n int, mode noderestore.Mode, old, fresh string, outcome journal.Outcome) string {
	t.Helper()
	plan := noderejoin.Plan{
		APIVersion: noderejoin.APIVersion, Kind: noderejoin.Kind, ID: fmt.Sprintf("2026112%dT120000Z-4f2a", n),
		ClusterID: "c1", Endpoints: []string{"https://10.0.0.1:2379"}, PeerURLs: []string{"https://10.0.0.2:2380"},
		Node: noderestore.Part{Member: "cp2", Mode: mode, OldData: h.path(old), NewData: h.path(fresh)},
	}
	text, err := plan.Encode()
	must(t, err)
	name := fmt.Sprintf("2026112%dT120001Z-aaaaaa", n)
	must(t, os.MkdirAll(h.path("runs", name, "kept"), 0o700))
	h.runs = append(h.runs, journal.Summary{Name: name, Plan: text, State: journal.State{Begun: time.Now(), Outcome: outcome, Committed: outcome == journal.Complete}})
	return name
}

func (h *host) find(t *testing.T, current string, all bool, names ...string) (goes, stays []string) {
	t.Helper()
	items, err := Find(Request{Folder: h.path("runs"), Runs: h.runs, Current: []string{h.path(current)}, Names: names, All: all})
	must(t, err)
	for _, i := range items {
		path := strings.TrimPrefix(i.Path, h.dir+"/")
		if i.Keep == "" {
			goes = append(goes, path)
		} else {
			stays = append(stays, path+": "+i.Keep)
		}
	}
	return goes, stays
}

// What is needed stays, whatever is asked.
func TestFind(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		make    func(*testing.T, *host) (current string, names []string)
		goes    []string
		stays   string
		all     bool
		absents string
	}{
		"two restores": {make: func(t *testing.T, h *host) (string, []string) {
			h.run(t, 1, noderestore.ModeManifest, "etcd", "etcd-1", journal.Complete)
			h.run(t, 2, noderestore.ModeManifest, "etcd-1", "etcd-2", journal.Complete)
			return "etcd-2", nil
		}, goes: []string{"etcd"}, stays: "etcd-1: it is what the newest run"},
		"the newest is named": {make: func(t *testing.T, h *host) (string, []string) {
			h.run(t, 1, noderestore.ModeManifest, "etcd", "etcd-1", journal.Complete)
			return "etcd-2", []string{h.run(t, 2, noderestore.ModeManifest, "etcd-1", "etcd-2", journal.Complete)}
		}, goes: []string{"etcd-1"}},
		"by the decision": {make: func(t *testing.T, h *host) (string, []string) {
			h.run(t, 2, noderestore.ModeManifest, "etcd-1", "etcd-2", journal.Complete)
			return "etcd-2", []string{"20261122T120000Z-4f2a"}
		}, goes: []string{"etcd-1"}},
		"swapped": {make: func(t *testing.T, h *host) (string, []string) {
			h.run(t, 1, noderestore.ModeSwap, "etcd", "etcd-1", journal.Complete)
			h.run(t, 2, noderestore.ModeSwap, "etcd", "etcd-2", journal.Complete)
			return "etcd", nil
		}, goes: []string{"etcd-1"}, stays: "etcd-2: it is what"},
		"etcd runs on it": {make: func(t *testing.T, h *host) (string, []string) { // somebody has gone back by hand
			return "etcd", []string{h.run(t, 1, noderestore.ModeManifest, "etcd", "etcd-1", journal.Complete)}
		}, stays: "etcd: etcd has its data there"},
		"not finished": {make: func(t *testing.T, h *host) (string, []string) {
			return "etcd", []string{h.run(t, 1, noderestore.ModeManifest, "etcd", "etcd-1", "")}
		}},
		"needed by one that is not finished": {make: func(t *testing.T, h *host) (string, []string) {
			first := h.run(t, 1, noderestore.ModeManifest, "etcd-1", "etcd", journal.Complete)
			h.run(t, 2, noderestore.ModeManifest, "etcd-1", "etcd-2", "")
			return "etcd", []string{first}
		}, stays: "etcd-1: a run that is not finished"},
		"taken back": {make: func(t *testing.T, h *host) (string, []string) {
			return "etcd", []string{h.run(t, 1, noderestore.ModeManifest, "etcd-1", "etcd-2", journal.RolledBack)}
		}},
		"a mount point": {make: func(t *testing.T, h *host) (string, []string) {
			h.data(t, "etcd/restored-1")
			return "etcd/restored-1", []string{h.run(t, 1, noderestore.ModeManifest, "etcd", "etcd/restored-1", journal.Complete)}
		}, goes: []string{"etcd/member"}},
		"no data of etcd": {make: func(t *testing.T, h *host) (string, []string) {
			must(t, os.MkdirAll(h.path("home", "precious"), 0o700))
			return "etcd", []string{h.run(t, 1, noderestore.ModeManifest, "home", "etcd", journal.Complete)}
		}, stays: "home: it holds no data of etcd"},
		"a link": {make: func(t *testing.T, h *host) (string, []string) {
			must(t, os.Symlink(h.path("etcd-1"), h.path("link")))
			return "etcd", []string{h.run(t, 1, noderestore.ModeManifest, "link", "etcd", journal.Complete)}
		}, stays: "link: it is no directory"},
		"a link to what runs": {make: func(t *testing.T, h *host) (string, []string) {
			must(t, os.Symlink(h.path("etcd-1"), h.path("link")))
			return "link", []string{h.run(t, 1, noderestore.ModeManifest, "etcd-1", "etcd", journal.Complete)}
		}, stays: "etcd-1: etcd has its data there"},
		"runs": {all: true, make: func(t *testing.T, h *host) (string, []string) {
			h.run(t, 1, noderestore.ModeManifest, "gone", "etcd", journal.Complete)
			h.run(t, 2, noderestore.ModeManifest, "etcd-1", "etcd", journal.RolledBack)
			h.run(t, 3, noderestore.ModeManifest, "gone", "etcd", journal.Complete)
			h.run(t, 4, noderestore.ModeManifest, "etcd", "etcd-2", "")
			return "etcd", nil
		}, goes: []string{"runs/20261121T120001Z-aaaaaa", "runs/20261122T120001Z-aaaaaa"}, stays: "runs/20261123T120001Z-aaaaaa: it knows, runs/20261124T120001Z-aaaaaa: it is not finished"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			for _, dir := range []string{"etcd", "etcd-1", "etcd-2"} {
				h.data(t, dir)
			}
			current, names := tc.make(t, h)
			goes, stays := h.find(t, current, tc.all, names...)
			if !slices.Equal(goes, tc.goes) {
				t.Errorf("%q go, want %q", goes, tc.goes)
			}
			for _, want := range strings.Split(tc.stays, ", ") {
				if !strings.Contains(strings.Join(stays, ", "), want) {
					t.Errorf("%q stay, want %q", stays, want)
				}
			}
		})
	}
}

// A directory is removed whole, and not while somebody has it open.
func TestRemove(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.data(t, "etcd")
	h.data(t, "etcd-1")
	name := h.run(t, 1, noderestore.ModeManifest, "etcd", "etcd-1", journal.Complete)
	find := func() Item {
		items, err := Find(Request{Folder: h.path("runs"), Runs: h.runs, Current: []string{h.path("etcd-1")}, Names: []string{name}})
		must(t, err)
		if len(items) != 1 || items[0].Size != 1000 {
			t.Fatalf("%+v", items)
		}
		return items[0]
	}
	db, err := os.Open(h.path("etcd", "member", "snap", "db"))
	must(t, err)
	free := find()
	must(t, unix.Flock(int(db.Fd()), unix.LOCK_EX))
	if item := find(); item.Keep == "" {
		t.Error("it is open, and may go")
	} else if err := Remove(item); !errors.Is(err, ErrInUse) {
		t.Errorf("got %v", err)
	}
	if err := Remove(free); !errors.Is(err, ErrInUse) {
		t.Errorf("got %v", err)
	}
	must(t, db.Close())
	must(t, os.Rename(h.path("etcd"), h.path("etcd.removed"))) // and killed then
	must(t, Remove(find()))
	if isThere(h.path("etcd")) || isThere(h.path("etcd.removed")) || !isThere(h.path("etcd-1")) {
		t.Error("not what was to be removed")
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
