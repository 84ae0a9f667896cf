package encryption

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

// Config is how an API server encrypts, and what it can read.
type Config struct {
	// of every resource and every wildcard that the configuration names, in its order
	providers map[groupResource][]provider
}

// provider is one of the ways in which values of a resource may be stored.
type provider struct {
	prefix string // "" is identity
	plugin string // name of the KMS plugin, "" for all others
	keys   []namedKey
}

type namedKey struct {
	name string
	open opener
}

// maxFile is more than any configuration has.
const maxFile = 1 << 20

// Load reads the file at path, which may be a pipe.
func Load(path string) (*Config, error) {
	// A pipe that nobody writes to must not block.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("read the encryption configuration: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the encryption configuration: %w", err)
	case len(text) > maxFile:
		return nil, fmt.Errorf("%w: %s has more than %d bytes", ErrConfig, path, maxFile)
	}
	c, err := Read(text)
	if err != nil {
		return nil, hint.New(fmt.Errorf("%s: %w", path, err), "give the file that --encryption-provider-config of the kube-apiserver names")
	}
	return c, nil
}

// Read reads the text of a configuration, as strictly as the API server does.
func Read(text []byte) (*Config, error) {
	entries, err := decode(text)
	if err != nil {
		return nil, err
	}
	c := &Config{providers: map[groupResource][]provider{}}
	for _, e := range entries {
		for _, name := range e.resources {
			gr := parseResource(name)
			for _, wider := range []groupResource{{group: gr.group, resource: wildcard}, everything()} {
				if _, masked := c.providers[wider]; masked {
					return nil, fmt.Errorf("%w: resource %q is masked by the earlier %q", ErrConfig, gr, wider)
				}
			}
			c.providers[gr] = append(c.providers[gr], e.providers...)
		}
	}
	return c, nil
}

// None is the configuration of a server that has none.
func None() *Config { return &Config{} }

// of finds the providers of a resource, false if the configuration does not mention it.
func (c *Config) of(gr groupResource) ([]provider, bool) {
	for _, g := range []groupResource{gr, {group: gr.group, resource: wildcard}, everything()} {
		if p, found := c.providers[g]; found {
			return p, true
		}
	}
	return nil, false
}

// Decrypt returns the object that value holds, for the resource ("secrets",
// "deployments.apps") at a key in etcd, or why the API server cannot read it. A value
// that is not encrypted is returned as it is.
func (c *Config) Decrypt(resource string, etcdKey, value []byte) ([]byte, error) {
	providers, covered := c.of(parseResource(resource))
	out, err := read(providers, covered, etcdKey, value)
	if err == nil {
		return out, nil
	}
	if stored, is := Parse(value); is {
		return nil, fmt.Errorf("%w: %s: %w", ErrUnreadable, stored, err)
	}
	return nil, fmt.Errorf("%w: %w", ErrUnreadable, err)
}

// read tries the providers whose prefix the value has, in their order. Several may have
// it: keys are rotated that way.
func read(providers []provider, covered bool, etcdKey, value []byte) ([]byte, error) {
	_, isEncrypted := Parse(value)
	if !covered { // the server takes identity then
		if isEncrypted {
			return nil, ErrNotCovered
		}
		return value, nil
	}
	why := ErrPlain
	if isEncrypted {
		why = ErrNoProvider
	}
	for _, p := range providers {
		out, err := p.read(etcdKey, value)
		if err == nil {
			return out, nil
		}
		why = worse(why, err)
	}
	return nil, why
}

// errElse is why a provider does not try: the value is not of its kind.
var errElse = errors.New("value of another provider")

func (p provider) read(etcdKey, value []byte) ([]byte, error) {
	if p.prefix == "" {
		if _, is := Parse(value); is {
			return nil, errElse
		}
		return value, nil
	}
	data, found := cut(value, p.prefix)
	switch {
	case !found:
		return nil, errElse
	case p.plugin != "":
		if _, found := cut(data, p.plugin+":"); !found {
			return nil, ErrNoKey
		}
		return nil, ErrPlugin
	}
	why := ErrNoKey
	for _, k := range p.keys {
		if data, found := cut(data, k.name+":"); found {
			out, err := k.open(etcdKey, data)
			if err == nil {
				return out, nil
			}
			why = worse(why, err)
		}
	}
	return nil, why
}

// worse is the one of two reasons that tells more: how far the value got.
func worse(a, b error) error {
	for _, most := range []error{ErrPlugin, ErrWrongKey, ErrDamaged, ErrNoKey} {
		for _, err := range []error{a, b} {
			if errors.Is(err, most) {
				return err
			}
		}
	}
	return a
}

func cut(b []byte, prefix string) (rest []byte, found bool) {
	if len(b) < len(prefix) || string(b[:len(prefix)]) != prefix {
		return nil, false
	}
	return b[len(prefix):], true
}
