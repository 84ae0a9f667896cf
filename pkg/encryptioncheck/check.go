package encryptioncheck

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/etcd-restore/etcd-restore/pkg/encryption"
	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
	"github.com/etcd-restore/etcd-restore/pkg/keyspace"
	"github.com/etcd-restore/etcd-restore/pkg/kubeobject"
)

var (
	// ErrUnreadable is returned when the API server could not read something.
	ErrUnreadable = errors.New("the API server could not read all of the snapshot")
	// ErrUnknown is returned when only a KMS plugin knows.
	ErrUnknown = errors.New("whether the API server can read all of the snapshot cannot be told here")
)

// Options say how much is looked at.
type Options struct {
	Prefix   string // --etcd-prefix of the API server, "" is its default
	All      bool   // every value is decrypted
	Progress keyspace.Progress
}

// Result is what a configuration can read of a database.
type Result struct {
	Groups []Group
}

// Check looks at all that an API server would read of a database: what is live at its
// current revision.
func Check(ctx context.Context, view *keyspace.View, c *encryption.Config, o Options) (*Result, error) {
	prefix := o.Prefix
	if prefix == "" {
		prefix = kubeobject.DefaultPrefix
	}
	layout, s := kubeobject.NewLayout(prefix), newSurvey(c, o.All)
	err := view.History(ctx, 0, o.Progress, func(change keyspace.Change) error {
		if !change.Live {
			return nil
		}
		path := layout.Path(string(change.Key))
		if path.Foreign || slices.Contains(neverEncrypted(), path.Resource.String()) {
			return nil
		}
		s.add(path.Resource.String(), change.Key, change.Value)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &Result{s.result()}, nil
}

// neverEncrypted is what an API server keeps for itself and reads without a look at the
// configuration, even if that covers everything (controlplane/instance.go,
// controlplane/apiserver/peer.go and registry/core/rest/storage_core.go of
// k8s.io/kubernetes).
func neverEncrypted() []string { return []string{"masterleases", "peerserverleases", "ranges"} }

// Err is nil if everything can be read. It names the first that cannot.
func (r *Result) Err() error {
	var unreadable, unknown []Group
	for _, g := range r.Groups {
		switch {
		case g.Unknown():
			unknown = append(unknown, g)
		case !g.Readable():
			unreadable = append(unreadable, g)
		}
	}
	switch {
	case len(unreadable) > 0:
		g := unreadable[0]
		return hint.New(fmt.Errorf("%w: %s%s: %w", ErrUnreadable, g.Resource, more(len(unreadable)), g.Err), "%s", remedy(g.Err))
	case len(unknown) > 0:
		g := unknown[0]
		return hint.New(fmt.Errorf("%w: %s%s: %w", ErrUnknown, g.Resource, more(len(unknown)), g.Err), "see that the plugin runs on every control-plane node and still has the key that it had then")
	}
	return nil
}

func more(n int) string {
	if n < 2 {
		return ""
	}
	return fmt.Sprintf(" and %d more", n-1)
}

// remedy is what to do about what cannot be read.
func remedy(err error) string {
	switch {
	case errors.Is(err, encryption.ErrPlain):
		return "add `- identity: {}` as the last provider of the resource, on every control-plane node"
	case errors.Is(err, encryption.ErrDamaged):
		return "take another snapshot, or leave the object out of what you need"
	}
	return "add the key of the time of the snapshot, under its old name, behind those of today, on every control-plane node; it is in a backup of the file of --encryption-provider-config"
}
