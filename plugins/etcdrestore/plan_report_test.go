package etcdrestore

import (
	"strings"
	"testing"

	"github.com/etcd-restore/etcd-restore/pkg/noderestore"
	"github.com/etcd-restore/etcd-restore/pkg/revision"
)

// What is lost is what people decide by: a raised revision is no count of writes, and
// silence would say that nothing is.
func TestLost(t *testing.T) {
	t.Parallel()
	for want, p := range map[string]revision.Proof{
		"3 revisions after":                 {Snapshot: 411, Highest: 414},
		"1 revision after":                  {Snapshot: 411, Highest: 412},
		"a restore has raised the revision": {Snapshot: 411, Highest: 411 + revision.Margin},
		"not all of the old data is known":  {Snapshot: 411, Highest: 411, Floor: true},
		"nothing that the old data tell of": {Snapshot: 411, Highest: 411},
	} {
		if got := lost(&noderestore.Decision{Proof: p}); !strings.Contains(got, want) {
			t.Errorf("%+v: got %q", p, got)
		}
	}
}
