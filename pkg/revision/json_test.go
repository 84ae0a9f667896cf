package revision_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/etcd-restore/etcd-restore/pkg/revision"
)

// TestEvidenceTravels: IDs above 2^53 come back as they were.
func TestEvidenceTravels(t *testing.T) {
	t.Parallel()
	for _, want := range []revision.Evidence{
		{Source: "status of https://10.0.0.1:2379", Revision: 1 << 60, MemberID: 1<<64 - 1, Voters: map[uint64]string{1<<63 + 1: "cp1", 2: ""}},
		{Source: "run x", Revision: 1},
	} {
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got revision.Evidence
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
	for _, bad := range []string{`{"memberID":"xyz"}`, `{"voters":{"xyz":"cp1"}}`, `[]`} {
		if err := json.Unmarshal([]byte(bad), new(revision.Evidence)); err == nil {
			t.Errorf("%s was taken", bad)
		}
	}
}
