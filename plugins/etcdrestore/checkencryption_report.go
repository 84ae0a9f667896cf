package etcdrestore

import (
	"errors"
	"strconv"

	"github.com/etcd-restore/etcd-restore/pkg/encryption"
	"github.com/etcd-restore/etcd-restore/pkg/encryptioncheck"
)

// encryptionReport is the form of check-encryption -o json.
type encryptionReport struct {
	TypeMeta
	Snapshot string            `json:"snapshot"`
	Config   string            `json:"config"` // "": the API server has none
	Readable string            `json:"readable"`
	Groups   []encryptionGroup `json:"groups"`
}

// encryptionGroup is all values of a resource that one key has encrypted, or none.
type encryptionGroup struct {
	Resource string `json:"resource"`
	Provider string `json:"provider,omitempty"` // "": not encrypted
	Version  string `json:"version,omitempty"`
	Key      string `json:"key,omitempty"` // its name, or that of the KMS plugin
	KeyID    string `json:"keyID,omitempty"`
	Values   int    `json:"values"`
	Tried    int    `json:"tried"`
	Failed   int    `json:"failed"`
	Readable string `json:"readable"` // yes, no, unknown
	Reason   string `json:"reason,omitempty"`
	First    string `json:"first,omitempty"` // key in etcd of the first that failed
	Error    string `json:"error,omitempty"`
}

func newEncryptionReport(snapshot, config string, result *encryptioncheck.Result) encryptionReport {
	r := encryptionReport{TypeMeta: TypeMeta{apiVersion, "EncryptionCheck"}, Snapshot: snapshot, Config: config, Groups: []encryptionGroup{}}
	for _, g := range result.Groups {
		r.Groups = append(r.Groups, encryptionGroup{
			Resource: g.Resource, Provider: g.Stored.Provider, Version: g.Stored.Version, Key: g.Stored.Key, KeyID: g.Stored.KeyID,
			Values: g.Values, Tried: g.Tried, Failed: g.Failed,
			Readable: readable(g.Err), Reason: reason(g.Err), First: g.Key, Error: message(g.Err),
		})
	}
	r.Readable = readable(result.Err())
	return r
}

func readable(err error) string {
	switch {
	case err == nil:
		return "yes"
	case errors.Is(err, encryption.ErrPlugin), errors.Is(err, encryptioncheck.ErrUnknown):
		return "unknown"
	}
	return "no"
}

// reason is an error in few words: a column of a table has room for no more.
func reason(err error) string {
	for _, r := range []struct {
		is  error
		say string
	}{
		{encryption.ErrPlugin, "ask the KMS plugin"},
		{encryption.ErrNotCovered, "resource not covered"},
		{encryption.ErrNoProvider, "no such provider"},
		{encryption.ErrNoKey, "no key of that name"},
		{encryption.ErrWrongKey, "another key of that name"},
		{encryption.ErrDamaged, "cut short"},
		{encryption.ErrPlain, "no provider identity"},
	} {
		if errors.Is(err, r.is) {
			return r.say
		}
	}
	return message(err)
}

func (r encryptionReport) words() string {
	var p page
	rows, plain, values := [][]string{{"RESOURCE", "VALUES", "PROVIDER", "KEY", "READABLE"}}, 0, 0
	for _, g := range r.Groups {
		if g.Provider == "" && g.Readable == "yes" {
			plain++
			values += g.Values
			continue
		}
		rows = append(rows, []string{cut(g.Resource, 40), strconv.Itoa(g.Values), orDash(g.provider()), cut(orDash(g.Key), 20), joined(": ", g.Readable, g.Reason)})
	}
	p.line("Keys: %s", r.from())
	if len(rows) > 1 {
		p.section("")
		p.table(rows)
		p.section("")
	}
	for _, g := range r.Groups {
		if g.Failed > 0 && g.Readable == "no" {
			p.fold("  ", "    ", g.Resource+": "+count(g.Failed, "value")+" of "+strconv.Itoa(g.Tried)+" tried, first "+g.First)
		}
	}
	switch {
	case len(r.Groups) == 0:
		p.line("Nothing below the prefix of the API server.")
	case plain > 0:
		p.line("Not encrypted, and readable: %s of %s.", count(values, "value"), count(plain, "resource"))
	}
	return p.String()
}

func (r encryptionReport) from() string {
	if r.Config == "" {
		return "none, the kube-apiserver of this node encrypts nothing"
	}
	return r.Config
}

func (g encryptionGroup) provider() string {
	return encryption.Stored{Provider: g.Provider, Version: g.Version}.Name()
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
