package encryption

import (
	"fmt"
	"slices"
)

// entry is one of the resources of a configuration, with its openers made.
type entry struct {
	resources []string
	providers []provider
}

// decode reads an EncryptionConfiguration, or an EncryptionConfig as it was called up
// to Kubernetes 1.12 (v1/register.go of k8s.io/apiserver takes both).
func decode(text []byte) ([]entry, error) {
	doc, err := parseYAML(text)
	if err != nil {
		return nil, err
	}
	top, err := doc.object("apiVersion", "kind", "resources")
	if err != nil {
		return nil, err
	}
	if err := top.kind(); err != nil {
		return nil, err
	}
	list, err := top.list("resources")
	if err != nil {
		return nil, err
	}
	var entries []entry
	plugins := map[string]bool{}
	for _, item := range list {
		e, err := item.entry(plugins)
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	return entries, nil
}

func (o object) kind() error {
	version, err := o.text("apiVersion")
	if err != nil {
		return err
	}
	kind, err := o.text("kind")
	if err != nil {
		return err
	}
	switch version + " " + kind {
	case "apiserver.config.k8s.io/v1 EncryptionConfiguration", "v1 EncryptionConfig":
		return nil
	}
	return fmt.Errorf("%w: it is no apiVersion apiserver.config.k8s.io/v1, kind EncryptionConfiguration", ErrConfig)
}

func (v value) entry(plugins map[string]bool) (entry, error) {
	o, err := v.object("resources", "providers")
	if err != nil {
		return entry{}, err
	}
	names, err := o.list("resources")
	if err != nil {
		return entry{}, err
	}
	var e entry
	for _, n := range names {
		name, err := n.text()
		if err != nil {
			return entry{}, err
		}
		if text := invalidResource(name); text != "" {
			return entry{}, n.bad("%s", text)
		}
		e.resources = append(e.resources, name)
	}
	if text := overlap(e.resources); text != "" {
		return entry{}, o.at("resources").bad("%s", text)
	}
	list, err := o.list("providers")
	if err != nil {
		return entry{}, err
	}
	for _, item := range list {
		p, err := item.provider(plugins)
		if err != nil {
			return entry{}, err
		}
		e.providers = append(e.providers, p)
	}
	return e, nil
}

func (v value) provider(plugins map[string]bool) (provider, error) {
	o, err := v.object("aesgcm", "aescbc", "secretbox", "identity", "kms")
	if err != nil {
		return provider{}, err
	}
	kinds := o.present()
	switch {
	case len(kinds) == 0:
		return provider{}, v.bad("one of kms, aesgcm, aescbc, secretbox, identity is required; identity is written as {}")
	case len(kinds) > 1:
		return provider{}, v.bad("%s and %s are two providers, each is an element of the list", kinds[0], kinds[1])
	}
	body := o.at(kinds[0])
	switch kinds[0] {
	case "kms":
		return body.kms(plugins)
	case "aesgcm":
		return body.local(prefixAESGCM)
	case "aescbc":
		return body.local(prefixAESCBC)
	case "secretbox":
		return body.local(prefixSecretbox)
	}
	_, err = body.object()
	return provider{}, err
}

// local is a provider whose keys are in the file.
func (v value) local(prefix string) (provider, error) {
	o, err := v.object("keys")
	if err != nil {
		return provider{}, err
	}
	list, err := o.list("keys")
	if err != nil {
		return provider{}, err
	}
	p := provider{prefix: prefix}
	for _, item := range list {
		key, err := item.key(prefix)
		if err != nil {
			return provider{}, err
		}
		p.keys = append(p.keys, key)
	}
	return p, nil
}

func (v value) key(prefix string) (namedKey, error) {
	o, err := v.object("name", "secret")
	if err != nil {
		return namedKey{}, err
	}
	name, err := o.required("name")
	if err != nil {
		return namedKey{}, err
	}
	secret, err := o.required("secret")
	if err != nil {
		return namedKey{}, err
	}
	open, text := newOpener(prefix, secret)
	if text != "" {
		return namedKey{}, o.at("secret").bad("the key %s", text)
	}
	return namedKey{name, open}, nil
}

// kms is a provider whose key is elsewhere. Its endpoint and timeout are read as the
// server reads them, and not used.
func (v value) kms(plugins map[string]bool) (provider, error) {
	o, err := v.object("apiVersion", "name", "cachesize", "endpoint", "timeout")
	if err != nil {
		return provider{}, err
	}
	version, err := o.text("apiVersion")
	if err != nil {
		return provider{}, err
	}
	name, err := o.required("name")
	if err != nil {
		return provider{}, err
	}
	version = orDefault(version, "v1")
	if !slices.Contains([]string{"v1", "v2"}, version) {
		return provider{}, o.at("apiVersion").bad("it is neither v1 nor v2")
	}
	if err := o.plugin(version, name, plugins[name]); err != nil {
		return provider{}, err
	}
	plugins[name] = true
	return provider{prefix: "k8s:enc:kms:" + version + ":", plugin: name}, nil
}
