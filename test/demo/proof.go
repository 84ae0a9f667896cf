package main

import (
	"crypto/sha256"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"

	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// prove checks everything that a restore promises.
func (s *stage) prove(saved []*mvccpb.KeyValue, highest int64, w *watch) {
	s.scene("Is it really back?")
	s.run("etcdctl", "member", "list")
	s.gap()
	s.proveMembers()
	s.proveKeys(saved)
	s.proveRevision(highest)
	s.proveWatchEnded(w)
	s.proveWrite()
	s.proveSameHash()
}

func (s *stage) proveMembers() {
	var got, want []string
	for _, m := range s.cluster.MemberList(s) {
		if m.IsLearner {
			s.Fatalf("%s is a learner", m.Name)
		}
		if slices.Contains(s.burnt, m.ID) {
			s.Fatalf("%s has the ID of a member of the old cluster, which could talk to it", m.Name)
		}
		got = append(got, m.Name+"="+strings.Join(m.PeerURLs, ","))
	}
	for _, m := range s.cluster.Members {
		want = append(want, m.Name+"="+m.PeerURL)
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		s.Fatalf("members are %v, want %v", got, want)
	}
	s.proved("members: three voters at the old addresses, with IDs that the old cluster does not know")
}

func (s *stage) proveKeys(saved []*mvccpb.KeyValue) {
	if diff := etcdtest.Diff(saved, s.cluster.Keys(s, 0)); diff != "" {
		s.Fatalf("the keys are not those of the snapshot: %s", diff)
	}
	s.proved("keys: all %d equal the snapshot's, in value, revisions and lease", len(saved))
}

func (s *stage) proveRevision(highest int64) {
	for _, m := range s.cluster.Members {
		if rev := m.Revision(s); rev <= highest {
			s.Fatalf("%s is at revision %d, but %d was served before", m.Name, rev, highest)
		}
	}
	s.proved("revision: %d, above the %d that was served before", s.cluster.Members[0].Revision(s), highest)
}

func (s *stage) proveWatchEnded(w *watch) {
	const limit = 30 * time.Second
	select {
	case <-w.done:
	case <-time.After(limit):
		s.Fatalf("the old watch still hangs after %s: its informer would wait forever", limit)
	}
	if w.compacted == 0 {
		s.Fatalf("the old watch did not end with \"compacted\": %v", w.err)
	}
	if w.events == 0 || w.seen > w.compacted {
		s.Fatalf("the old watch proves nothing: %d events up to revision %d, compacted at %d", w.events, w.seen, w.compacted)
	}
	s.proved("watch: after %d events it ended with %q, so its informer lists again", w.events, w.err)
}

func (s *stage) proveWrite() {
	before := s.cluster.Members[0].Revision(s)
	resp, err := s.cluster.Client(s).Put(s.Context(), "/registry/configmaps/default/after", "the fire")
	if err != nil {
		s.Fatalf("write: %v", err)
	}
	if resp.Header.Revision != before+1 {
		s.Fatalf("write got revision %d after %d", resp.Header.Revision, before)
	}
	s.proved("write: accepted at revision %d", resp.Header.Revision)
}

func (s *stage) proveSameHash() {
	hashes := s.cluster.HashKV(s, s.cluster.Members[0].Revision(s))
	distinct := slices.Compact(slices.Sorted(maps.Values(hashes)))
	if len(hashes) != len(s.cluster.Members) || len(distinct) != 1 {
		s.Fatalf("the members' HashKV differ: %v", hashes)
	}
	s.proved("hash: the members' HashKV is %x, the same on all three", distinct[0])
}

// fingerprint digests every file at or below the given paths of the stage.
func (s *stage) fingerprint(paths ...string) map[string][sha256.Size]byte {
	digests := make(map[string][sha256.Size]byte)
	for _, path := range paths {
		err := filepath.WalkDir(filepath.Join(s.dir, path), func(file string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			content, err := os.ReadFile(file)
			digests[file] = sha256.Sum256(content)
			return err
		})
		if err != nil {
			s.Fatalf("%v", err)
		}
	}
	return digests
}
