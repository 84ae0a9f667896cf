package proof

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// members wants all to list the same members, all of them started, none a learner; after
// a restore those that were planned, and those that rejoined since.
func (e *evaluation) members(f *finding) {
	answering := e.answering(f)
	if len(answering) == 0 {
		return
	}
	list := answering[0].Etcd
	for _, n := range answering {
		switch {
		case n.Etcd.MembersError != "":
			f.doubt("%s: %s", n.Node, n.Etcd.MembersError)
		case n.Etcd.ClusterID != list.ClusterID:
			f.fail("%s is in cluster %s, %s in %s", n.Node, n.Etcd.ClusterID, answering[0].Node, list.ClusterID)
			f.next = "bring one into the cluster of the others: kubectl etcd-restore rejoin NODE"
		case !slices.Equal(idsOf(n.Etcd.Members), idsOf(list.Members)):
			f.fail("%s lists %s, %s %s", n.Node, wordsOf(n.Etcd.Members), answering[0].Node, wordsOf(list.Members))
		}
	}
	for _, m := range list.Members {
		switch {
		case m.Name == "" || len(m.Clients) == 0: // it says where it serves when it starts
			f.fail("member %s (%s) has not started", cmp.Or(m.Name, m.ID), strings.Join(m.Peers, ","))
		case m.Learner:
			f.fail("member %s is a learner, which has no vote", m.Name)
		default:
			continue
		}
		f.next = cmp.Or(f.next, "bring the node of that member in: kubectl etcd-restore rejoin NODE")
	}
	e.planned(f, list)
	f.see("%s of cluster %s", wordsOf(list.Members), list.ClusterID)
}

// planned compares the members with those of the restore.
func (e *evaluation) planned(f *finding, list Etcd) {
	if e.run == nil {
		return
	}
	if list.ClusterID != e.run.ClusterID {
		f.fail("cluster %s serves, and the restore was to make %s", list.ClusterID, e.run.ClusterID)
		return
	}
	there := map[string]bool{}
	for _, m := range list.Members {
		there[m.Name] = true
		if e.run.Members[m.Name] != m.ID && !e.rejoined(m.ID) && m.Name != "" {
			f.fail("member %s (%s) is not of the plan", m.Name, m.ID)
		}
	}
	for name, id := range e.run.Members {
		if !there[name] {
			f.fail("member %s (%s) of the plan is missing", name, id)
			f.next = cmp.Or(f.next, "kubectl etcd-restore rejoin "+name)
		}
	}
}

func (e *evaluation) rejoined(member string) bool {
	return slices.ContainsFunc(e.facts, func(n Facts) bool {
		return n.Rejoin != nil && n.Rejoin.MemberID == member && n.Rejoin.ClusterID == e.run.ClusterID
	})
}

func idsOf(members []Member) []string {
	var ids []string
	for _, m := range members {
		ids = append(ids, m.ID)
	}
	slices.Sort(ids)
	return ids
}

func wordsOf(members []Member) string {
	var words []string
	for _, m := range members {
		words = append(words, fmt.Sprintf("%s (%s)", cmp.Or(m.Name, "?"), m.ID))
	}
	slices.Sort(words)
	return strings.Join(words, ", ")
}

// leader wants every etcd to answer, and all to follow one of them.
func (e *evaluation) leader(f *finding) {
	leader, term := "", uint64(0)
	for _, n := range e.facts {
		switch {
		case n.Etcd.Error != "":
			f.fail("%s: %s", n.Node, n.Etcd.Error)
			f.next = "look at it: kubectl etcd-restore status"
		case n.Etcd.Leader == "":
			f.fail("%s sees no leader", n.Node)
		case leader != "" && n.Etcd.Leader != leader:
			f.fail("%s follows %s in term %d, another %s in term %d", n.Node, n.Etcd.Leader, n.Etcd.Term, leader, term)
		default:
			leader, term = n.Etcd.Leader, n.Etcd.Term
		}
	}
	if leader != "" {
		f.see("%s in term %d, for all %d", e.nameOf(leader), term, len(e.facts))
	}
	// A member that is on none of the nodes would not be missed otherwise.
	for _, n := range e.facts {
		for _, m := range n.Etcd.Members {
			if m.Name != "" && !e.isAsked(m.ID) {
				f.doubt("member %s was not asked", m.Name)
				f.next = cmp.Or(f.next, "name its node as well")
			}
		}
		if len(n.Etcd.Members) > 0 {
			return
		}
	}
}

func (e *evaluation) isAsked(member string) bool {
	return slices.ContainsFunc(e.facts, func(n Facts) bool {
		return n.Etcd.MemberID == member || slices.ContainsFunc(n.Hashes, func(h Hash) bool { return h.Member == member && h.Error == "" })
	})
}

func (e *evaluation) nameOf(member string) string {
	for _, n := range e.facts {
		for _, m := range n.Etcd.Members {
			if m.ID == member && m.Name != "" {
				return m.Name
			}
		}
	}
	return member
}

// hashes wants the same keys on all members. Hashes of one revision differ where one of
// two members has compacted meanwhile: that tells nothing.
func (e *evaluation) hashes(f *finding) {
	var all []Hash
	for _, n := range e.facts {
		all = append(all, n.Hashes...)
	}
	var first *Hash
	asked := map[string]bool{}
	for i, h := range all {
		name := e.nameOf(h.Member)
		asked[h.Member] = true
		switch {
		case h.Error != "":
			f.doubt("%s: %s", name, h.Error)
		case first == nil:
			first = &all[i]
		case h.Revision != first.Revision || h.CompactRevision != first.CompactRevision:
			f.doubt("%s was hashed from revision %d to %d, %s from %d to %d", name, h.CompactRevision, h.Revision,
				e.nameOf(first.Member), first.CompactRevision, first.Revision)
			f.next = "try again"
		case h.Hash != first.Hash:
			f.fail("%s has %08x at revision %d, %s %08x", name, h.Hash, h.Revision, e.nameOf(first.Member), first.Hash)
			f.next = "their data differ: take a snapshot of each now, and ask which is right before you go on"
		}
	}
	for _, n := range e.facts {
		for _, m := range n.Etcd.Members {
			if !asked[m.ID] && len(all) > 0 {
				asked[m.ID] = true
				f.doubt("%s was not asked", cmp.Or(m.Name, m.ID))
			}
		}
	}
	if first != nil {
		f.see("%08x at revision %d on %d of %d members", first.Hash, first.Revision, len(asked), len(asked))
	}
}

// revision wants no revision to come twice: all is above what the old cluster had
// reached (I5).
func (e *evaluation) revision(f *finding) {
	if e.run.Revision <= e.run.Highest {
		f.fail("the restore began at %d, and the old cluster had reached %d", e.run.Revision, e.run.Highest)
	}
	for _, n := range e.answering(f) {
		if n.Etcd.Revision < e.run.Revision {
			f.fail("etcd of %s is at %d, below %d", n.Node, n.Etcd.Revision, e.run.Revision)
			continue
		}
		f.see("%s at %d", n.Node, n.Etcd.Revision)
	}
	for _, n := range e.serving() {
		switch {
		case n.API.RevisionError != "":
			f.doubt("%s: %s", n.Node, n.API.RevisionError)
		case n.API.Revision <= e.run.Highest:
			f.fail("the API server of %s is at %d", n.Node, n.API.Revision)
		}
	}
	f.see("the restore began at %d, the old cluster had reached %d", e.run.Revision, e.run.Highest)
}

// compacted wants clients of old to be told that they must list anew.
func (e *evaluation) compacted(f *finding) {
	for _, n := range e.answering(f) {
		switch {
		case n.Run == nil: // it does not know what to ask for
		case n.Etcd.CompactedError != "":
			f.doubt("%s: %s", n.Node, n.Etcd.CompactedError)
		case !n.Etcd.Compacted:
			f.fail("etcd of %s still serves revision %d", n.Node, e.run.Highest)
		default:
			f.see("etcd of %s refuses revision %d", n.Node, n.Run.Highest)
		}
	}
	for _, n := range e.serving() {
		switch {
		case n.Run == nil:
		case n.API.ExpiredError != "" && !n.API.Expired:
			f.fail("%s: %s", n.Node, n.API.ExpiredError)
			f.next = "restart every client of the API server, controllers and kubelets first"
		}
	}
}
