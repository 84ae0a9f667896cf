package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"

	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// boot brings up a healthy control plane's etcd.
func (s *stage) boot() {
	s.scene("A healthy etcd of three members, with TLS, as a Kubernetes control plane has it")
	for _, m := range s.cluster.Members {
		s.typed("etcd", "--name", m.Name, "--data-dir", m.Name+".etcd", "--listen-client-urls", m.ClientURL, "...")
	}
	s.cluster.Start(s)
	life, err := etcdtest.LoadKubernetes(s.Context(), s.cluster.Client(s), etcdtest.KubernetesOptions{})
	if err != nil {
		s.Fatalf("load: %v", err)
	}
	s.life = life
	for _, m := range s.cluster.MemberList(s) {
		s.burnt = append(s.burnt, m.ID)
	}
	s.gap()
	s.proved("the API servers have written %d times below /registry; revision %d", life.Writes, life.Revision)
}

// openWatch lists and watches the pods, as an informer does.
func (s *stage) openWatch() *watch {
	w := watchFrom(s.Context(), s.cluster.Client(s), s.life.Revision)
	s.proved("an informer watches /registry/pods/ from revision %d", s.life.Revision)
	return w
}

// save takes the snapshot and remembers what it has to contain.
func (s *stage) save() []*mvccpb.KeyValue {
	s.scene("The nightly snapshot")
	for _, variable := range s.environment() {
		s.typed("export", variable)
	}
	s.run("etcdctl-snapshot-x", "save", "snap.db")
	return s.cluster.Keys(s, s.life.Revision)
}

// carryOn writes what the snapshot will not know, and returns the highest
// revision that anybody was ever served.
func (s *stage) carryOn() int64 {
	s.scene("Life goes on after the snapshot")
	if err := s.life.Churn(s.Context(), 2); err != nil {
		s.Fatalf("%v", err)
	}
	s.proved("clients have seen revision %d by now; the snapshot ends before that", s.life.Revision)
	return s.life.Revision
}

// destroy takes the quorum away for good.
func (s *stage) destroy() {
	s.scene("Two of three machines burn down", "Their disks are gone. The third has no quorum and serves nobody; it is stopped.")
	survivor := s.cluster.Members[2]
	for _, m := range s.cluster.Members[:2] {
		s.typed("kill", "-9", fmt.Sprint(m.PID()), "&&", "rm", "-rf", m.Name+".etcd")
		m.Kill(s)
		if err := os.RemoveAll(m.DataDir); err != nil {
			s.Fatalf("%v", err)
		}
	}
	s.awaitNoLeader(survivor)
	s.typed("kill", fmt.Sprint(survivor.PID()))
	survivor.Stop(s)
}

// awaitNoLeader waits for the survivor to notice that it is alone.
func (s *stage) awaitNoLeader(m *etcdtest.Member) {
	const limit = 20 * time.Second
	client := m.Client(s)
	for deadline := time.Now().Add(limit); ; time.Sleep(50 * time.Millisecond) {
		status, err := client.Status(s.Context(), m.ClientURL)
		if err == nil && status.Leader == 0 {
			fmt.Printf("   %s: %s\n", m.Name, strings.Join(status.Errors, ", "))
			return
		}
		if time.Now().After(deadline) {
			s.Fatalf("%s still believes in a leader after %s: %v, %v", m.Name, limit, status, err)
		}
	}
}

// restore makes the data directories of all three members.
func (s *stage) restore() {
	s.scene("One command restores all three",
		"The survivor's directory is only read: it tells how far the revisions had come.")
	before := s.fingerprint("snap.db", "m3.etcd")
	s.run("etcdctl-snapshot-x", "restore", "snap.db",
		"--all-members", "--output-dir", "restored",
		"--initial-cluster", s.cluster.InitialCluster(),
		"--seen-data-dir", "m3.etcd")
	s.gap()
	if after := s.fingerprint("snap.db", "m3.etcd"); !maps.Equal(before, after) {
		s.Fatalf("the restore changed its inputs: %x became %x", before, after)
	}
	s.proved("snapshot and survivor are as they were, byte for byte")
}

// bootRestored starts the members on what the restore made.
func (s *stage) bootRestored() {
	s.scene("Each member starts on its new directory")
	for _, m := range s.cluster.Members {
		m.DataDir = filepath.Join(s.dir, "restored", m.Name+".etcd")
		s.typed("etcd", "--name", m.Name, "--data-dir", "restored/"+m.Name+".etcd", "--listen-client-urls", m.ClientURL, "...")
	}
	asked := time.Now()
	s.cluster.Start(s)
	s.gap()
	s.proved("all three serve linearizable reads %.1f s later", time.Since(asked).Seconds())
}
