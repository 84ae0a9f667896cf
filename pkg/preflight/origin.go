package preflight

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/etcd-restore/etcd-restore/pkg/datadir"
	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
)

// ErrOrigin is returned, within ErrPreflight, for a snapshot that is not of the
// Kubernetes cluster that the node belongs to.
var ErrOrigin = errors.New("snapshot of another cluster")

// firstRecords is how far a cluster's first namespace is looked for: an API server
// writes it among its first hundred objects.
const firstRecords = 20_000

// snapshotOrigin compares the namespace kube-system of the snapshot with that of the
// old data: it is made once in the life of a cluster, and its UID is as good as one of
// the cluster. IDs of etcd are not: every restore makes new ones.
func (s *subject) snapshotOrigin(ctx context.Context) []Finding {
	if _, err := s.usable(ctx); err != nil {
		return skip("%w", err)
	}
	f, err := snapshot.Open(s.Snapshot.Path)
	if err != nil {
		return skip("the snapshot cannot be read again: %w", err)
	}
	defer f.Close()
	theirs, err := s.clusterUID(ctx, f)
	if err != nil {
		return bad(hint.New(fmt.Errorf("%w: %s: %w", ErrOrigin, s.Snapshot.Path, err), "look at it: etcdctl-snapshot-x status %s -w table", hint.Path(s.Snapshot.Path)))
	}
	var ours string
	err = snapshot.Peek(ctx, datadir.DBPath(s.Facts.Data.Dir.Local), func(f *snapshot.File) error {
		ours, err = s.clusterUID(ctx, f)
		return err
	})
	if err != nil {
		return skip("the old data do not tell which cluster they are of")
	}
	if ours != theirs {
		return bad(hint.New(fmt.Errorf("%w: in %s the UID of namespace kube-system is %s, in the old data %s", ErrOrigin, s.Snapshot.Path, theirs, ours),
			"take a snapshot of this cluster; nodes, certificates and tokens of another would not fit it"))
	}
	return nil
}

// clusterUID is the UID of the namespace kube-system in a database.
func (s *subject) clusterUID(ctx context.Context, f *snapshot.File) (string, error) {
	view, err := f.Keyspace()
	if err != nil {
		return "", err
	}
	key := []byte(path.Join("/", s.prefix(), "namespaces/kube-system"))
	value, found, err := view.First(ctx, key, firstRecords)
	if err != nil {
		return "", err
	}
	if !found {
		return "", errors.New("it has no namespace kube-system, so it is not of Kubernetes")
	}
	if config, err := s.configured(); err == nil {
		if plain, err := config.Decrypt("namespaces", key, value); err == nil {
			value = plain
		}
	}
	return uidOf(value)
}

// prefix is where the node's API server keeps its keys.
func (s *subject) prefix() string {
	if file, err := s.apiServer(); err == nil {
		if prefix, err := file.Manifest.FlagValue("kube-apiserver", "etcd-prefix"); err == nil && prefix != "" {
			return prefix
		}
	}
	return "/registry"
}

// uidOf reads a namespace as an API server stores it: protobuf behind four bytes, or
// JSON. What is encrypted tells nothing.
func uidOf(value []byte) (string, error) {
	var ns corev1.Namespace
	if raw, ok := bytes.CutPrefix(value, []byte("k8s\x00")); ok {
		var envelope runtime.Unknown
		if err := envelope.Unmarshal(raw); err != nil {
			return "", fmt.Errorf("namespace kube-system: %w", err)
		}
		if err := ns.Unmarshal(envelope.Raw); err != nil {
			return "", fmt.Errorf("namespace kube-system: %w", err)
		}
	} else if err := json.Unmarshal(value, &ns); err != nil {
		return "", errors.New("its namespace kube-system is encrypted, or in no form that is known here")
	}
	return string(ns.UID), nil
}
