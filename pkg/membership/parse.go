package membership

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.etcd.io/etcd/client/pkg/v3/types"
)

// parse reads an --initial-cluster value into the sorted peer URLs of each
// member. It accepts what etcd accepts, less what could only be a mistake:
// etcd takes "m0=http://a:2380, m1=http://b:2380" for a member named " m1".
func parse(initialCluster string) (map[string][]string, error) {
	if !utf8.ValidString(initialCluster) {
		return nil, errors.New("the initial cluster is not valid UTF-8")
	}
	raw := make(map[string][]string)
	for pair := range strings.SplitSeq(initialCluster, ",") {
		if pair == "" {
			continue
		}
		name, u, found := strings.Cut(pair, "=")
		if err := checkName(name, pair, found); err != nil {
			return nil, err
		}
		raw[name] = append(raw[name], u)
	}
	if len(raw) == 0 {
		return nil, errors.New("the initial cluster is empty")
	}
	return canonicalURLs(raw)
}

func checkName(name, pair string, found bool) error {
	switch {
	case !found && strings.Contains(pair, "://"):
		return fmt.Errorf("%q has no member name: write name=URL, and repeat the name for each further URL", pair)
	case !found:
		return fmt.Errorf("member %q has no peer URL: write %s=URL", name, name)
	case name == "":
		return fmt.Errorf("%q has an empty member name", pair)
	case strings.TrimSpace(name) != name:
		return fmt.Errorf("member name %q begins or ends with white space", name)
	case strings.ContainsFunc(name, unicode.IsControl):
		return fmt.Errorf("member name %q contains a control character", name)
	}
	return nil
}

// canonicalURLs replaces each URL by the text from which etcd computes IDs and
// rejects a URL that is used twice, in one member or in two.
func canonicalURLs(raw map[string][]string) (map[string][]string, error) {
	canonical := make(map[string][]string, len(raw))
	owner := make(map[string]string)
	for _, name := range slices.Sorted(maps.Keys(raw)) {
		parsed, err := types.NewURLs(raw[name])
		if err != nil {
			return nil, fmt.Errorf("member %q: %w", name, err)
		}
		for _, u := range parsed.StringSlice() {
			if other, used := owner[u]; used {
				return nil, duplicateURL(u, name, other)
			}
			owner[u] = name
			canonical[name] = append(canonical[name], u)
		}
		// Sorting again costs nothing and keeps memberID's precondition
		// here rather than in another module.
		slices.Sort(canonical[name])
	}
	return canonical, nil
}

func duplicateURL(u, name, other string) error {
	if name == other {
		return fmt.Errorf("member %q has the peer URL %s twice", name, u)
	}
	return fmt.Errorf("members %q and %q have the same peer URL %s", other, name, u)
}
