package encryption

import (
	"crypto/aes"
	"encoding/base64"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// newOpener makes the opener of a secret, or says what is wrong with it in words that
// go behind "the key": not what it is.
func newOpener(prefix, secret string) (open opener, wrong string) {
	key, err := base64.StdEncoding.DecodeString(secret)
	if err != nil {
		return nil, "is not base64"
	}
	sizes := []int{16, 24, 32}
	if prefix == prefixSecretbox {
		sizes = []int{32}
	}
	if !slices.Contains(sizes, len(key)) {
		return nil, fmt.Sprintf("has %d bytes, not %s", len(key), strings.Trim(strings.Join(strings.Fields(fmt.Sprint(sizes)), " or "), "[]"))
	}
	if prefix == prefixSecretbox {
		return box([32]byte(key)), ""
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, "is no key for AES"
	}
	if prefix == prefixAESCBC {
		return cbc(block), ""
	}
	if open, err = gcm(block); err != nil {
		return nil, "is no key for AES-GCM"
	}
	return open, ""
}

// invalidResource says what is wrong with the name of a resource, "" if nothing is.
func invalidResource(name string) string {
	gr := parseResource(name)
	switch {
	case strings.ToLower(name) != name:
		return "no capital letters are allowed"
	case name == "*":
		return "write *. for the core group or *.* for everything"
	case slices.Contains([]string{"apiserveripinfo", "serviceipallocations", "servicenodeportallocations"}, name):
		return "what has no REST API cannot be encrypted"
	case gr.group == "events.k8s.io":
		return "events are stored in the core group: write events"
	case gr.group == "extensions":
		return "the group extensions is gone"
	case gr.group == wildcard && gr.resource != wildcard:
		return "one resource of all groups cannot be chosen"
	}
	return ""
}

// overlap says why a list of resources is refused: in one list none may mask another.
func overlap(names []string) string {
	seen := map[groupResource]bool{}
	groups := map[string]int{}
	for _, name := range names {
		gr := parseResource(name)
		if seen[gr] {
			return fmt.Sprintf("resource %q is there twice", name)
		}
		seen[gr] = true
		groups[gr.group]++
	}
	for gr := range seen {
		if gr == everything() && len(seen) > 1 || gr.resource == wildcard && groups[gr.group] > 1 {
			return fmt.Sprintf("resource %q covers another one of the same list", gr)
		}
	}
	return ""
}

// plugin checks what only a KMS plugin has.
func (o object) plugin(version, name string, used bool) error {
	switch {
	case version == "v2" && strings.Contains(name, ":"):
		return o.at("name").bad("a plugin of v2 must not have a colon in its name")
	case version == "v2" && used:
		return o.at("name").bad("plugin %q is there twice", name)
	}
	endpoint, err := o.required("endpoint")
	if err != nil {
		return err
	}
	if u, err := url.Parse(endpoint); err != nil || u.Scheme != "unix" {
		return o.at("endpoint").bad("it is no URL with the scheme unix")
	}
	timeout, err := o.text("timeout")
	if err != nil {
		return err
	}
	if d, err := time.ParseDuration(orDefault(timeout, "3s")); err != nil || d <= 0 {
		return o.at("timeout").bad("it is no duration above zero")
	}
	if size := o.at("cachesize").resolved(); !size.absent() {
		n, err := strconv.ParseInt(size.node.Value, 0, 64)
		switch {
		case size.node.Kind != yaml.ScalarNode || size.node.Tag != "!!int" || err != nil || n < math.MinInt32 || n > math.MaxInt32:
			return size.bad("it is no number of 32 bits")
		case version == "v2":
			return size.bad("a plugin of v2 has none")
		case n == 0:
			return size.bad("it must not be 0")
		}
	}
	return nil
}
