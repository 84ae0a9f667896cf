package schema

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"

	"go.etcd.io/etcd/server/v3/storage/mvcc"
)

// TestRevisionKeys compares with what etcd itself writes.
func TestRevisionKeys(t *testing.T) {
	t.Parallel()
	for _, n := range []int64{0, 1, 2, 255, 256, 1 << 40, math.MaxInt64} {
		for _, sub := range []int64{0, 1, 300, math.MaxInt64} {
			for _, dead := range []bool{false, true} {
				rev := Revision{Main: n, Sub: sub, Tombstone: dead}
				theirs := mvcc.RevToBytes(mvcc.Revision{Main: n, Sub: sub}, mvcc.NewRevBytes())
				if dead {
					theirs = append(theirs, 't')
				}
				if mvcc.IsTombstone(theirs) != dead || !bytes.Equal(rev.Key(), theirs) {
					t.Errorf("%+v: key %x, etcd writes %x", rev, rev.Key(), theirs)
				}
				if got, err := ParseRevision(theirs); err != nil || got != rev {
					t.Errorf("%x: %+v, %v", theirs, got, err)
				}
			}
		}
	}
}

func TestMalformedRevisionKeys(t *testing.T) {
	t.Parallel()
	good := string(Revision{Main: 5, Sub: 6}.Key())
	for name, tc := range map[string]struct{ key, want string }{
		"empty":         {"", "0 bytes"},
		"short":         {good[:16], "16 bytes"},
		"long":          {good + "tt", "19 bytes"},
		"very long":     {strings.Repeat("k", 5000), "5000 bytes"},
		"no underscore": {good[:8] + "-" + good[9:], "no '_'"},
		"wrong mark":    {good + "x", `ends in 'x'`},
		"negative main": {"\x80" + good[1:], "negative"},
		"negative sub":  {good[:9] + "\xff" + good[10:], "negative"},
		"minus one":     {strings.Repeat("\xff", 8) + good[8:], "negative (-1_6)"},
	} {
		_, err := ParseRevision([]byte(tc.key))
		if !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), tc.want) || len(err.Error()) > 200 {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
}

// FuzzRevision: what is parsed is written the same again, and etcd reads it the
// same. What is refused etcd does not write.
func FuzzRevision(f *testing.F) {
	for _, seed := range []Revision{{}, {Main: 7, Sub: 1}, {Main: math.MaxInt64, Sub: math.MaxInt64, Tombstone: true}} {
		f.Add(seed.Key())
	}
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\xff\xff_00000000"))
	f.Fuzz(func(t *testing.T, key []byte) {
		rev, err := ParseRevision(key)
		if err != nil {
			if !errors.Is(err, ErrMalformed) || rev != (Revision{}) {
				t.Fatalf("%+v, %v", rev, err)
			}
			return
		}
		if !bytes.Equal(rev.Key(), key) {
			t.Fatalf("%x becomes %x", key, rev.Key())
		}
		theirs := mvcc.BytesToBucketKey(key)
		if theirs.Main != rev.Main || theirs.Sub != rev.Sub || mvcc.IsTombstone(key) != rev.Tombstone {
			t.Fatalf("%x: %+v, etcd reads %+v", key, rev, theirs)
		}
	})
}
