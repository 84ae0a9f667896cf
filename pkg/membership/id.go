package membership

import (
	"crypto/rand"
	"crypto/sha1" // not for security: etcd's IDs are defined by it
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
)

// NewToken returns a cluster token that no other cluster has: 128 random bits.
func NewToken() (string, error) {
	var b [16]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", fmt.Errorf("make a cluster token: %w", err)
	}
	return "etcd-restore-" + hex.EncodeToString(b[:]), nil
}

// memberID computes the ID of a bootstrapped member as etcd does in
// membership.computeMemberID. The peer URLs must be sorted.
func memberID(peerURLs []string, token string) uint64 {
	return hash64([]byte(strings.Join(peerURLs, "") + token))
}

// clusterID computes the ID of a cluster as etcd does in
// membership.RaftCluster.genID. The members must be sorted by ID.
func clusterID(members []Member) uint64 {
	var b []byte
	for _, m := range members {
		b = binary.BigEndian.AppendUint64(b, m.ID)
	}
	return hash64(b)
}

func hash64(b []byte) uint64 {
	sum := sha1.Sum(b)
	return binary.BigEndian.Uint64(sum[:8])
}
