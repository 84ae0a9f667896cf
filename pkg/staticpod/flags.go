package staticpod

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

// Source tells where the value of a flag comes from.
type Source string

// The sources, the strongest first.
const (
	FromCommand     Source = "command"     // command or args
	FromEnvironment Source = "environment" // ETCD_...
	FromDefault     Source = "default"
)

// Flag is what etcd takes for a flag.
type Flag struct {
	Value  string
	Source Source
	known  bool
}

// Flags are the flags of a program.
type Flags struct {
	command map[string]Flag
	env     environment
	etcd    bool // it looks into its environment, and its defaults are known
	envFrom bool
}

// DefaultQuota is the limit of the database if --quota-backend-bytes is 0, in
// bytes.
const DefaultQuota = 2 << 30

// program is the base name of what a container starts, "" if the image decides.
func (c *Container) program() string {
	words := slices.Concat(c.Command, c.Args)
	if len(words) == 0 || strings.HasPrefix(words[0], "-") {
		return ""
	}
	return path.Base(words[0])
}

// EtcdFlags reads the flags of a container that runs etcd.
func (c *Container) EtcdFlags() (Flags, error) {
	f, err := c.ProgramFlags("etcd")
	if err != nil {
		return Flags{}, err
	}
	f.etcd, f.envFrom = true, c.EnvFrom
	switch file, err := f.Get("config-file"); {
	case err != nil:
		return Flags{}, err
	case file.Value != "":
		return Flags{}, hint.New(fmt.Errorf("%w: --config-file=%s", ErrConfigFile, file.Value), "etcd ignores its flags then: write the file's settings as flags into the manifest")
	}
	return f, nil
}

// ProgramFlags reads the flags that a container gives to any program of the
// control plane. What is not given is "".
func (c *Container) ProgramFlags(program string) (Flags, error) {
	f := Flags{command: map[string]Flag{}, env: c.environment()}
	words := slices.Concat(c.Command, c.Args)
	if p := c.program(); p != "" {
		if p != program {
			return Flags{}, hint.New(fmt.Errorf("%w: container %q runs %q", ErrWrapped, c.Name, p),
				"let the container's command begin with %s, its flags as separate words", program)
		}
		words = words[1:]
	}
	if err := f.readWords(words); err != nil {
		return Flags{}, fmt.Errorf("container %q: %w", c.Name, err)
	}
	return f, nil
}

// readWords reads the flags as Go's flag package does: one dash or two, the value
// behind = or in the next word, the last of several counts. A switch never has its
// value in the next word, since etcd would not start; so a word without a dash
// belongs to the flag before it, and one with a dash to none.
func (f Flags) readWords(words []string) error {
	for i := 0; i < len(words); i++ {
		word, known := f.env.expand(words[i])
		name, dashed := strings.CutPrefix(word, "-")
		name = strings.TrimPrefix(name, "-")
		if !dashed || name == "" || strings.HasPrefix(name, "-") || strings.HasPrefix(name, "=") {
			return fmt.Errorf("%w: no program starts with the word %q", ErrManifest, word)
		}
		name, value, whole := strings.Cut(name, "=")
		if !whole {
			value = "true"
			if i+1 < len(words) && !strings.HasPrefix(words[i+1], "-") {
				i++
				value, known = f.env.expand(words[i])
			}
		}
		f.command[name] = Flag{value, FromCommand, known}
	}
	return nil
}

// Names are the flags that are given, in the command or in etcd's environment.
func (f Flags) Names() []string {
	var names []string
	for name := range f.command {
		names = append(names, name)
	}
	for variable := range f.env {
		if !f.etcd {
			break
		}
		if name, ok := strings.CutPrefix(variable, "ETCD_"); ok {
			names = append(names, strings.ReplaceAll(strings.ToLower(name), "_", "-"))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Get returns the value of a flag, as etcd determines it. It fails with
// ErrUnknown if the manifest does not tell.
func (f Flags) Get(name string) (Flag, error) {
	flag := f.lookup(name)
	if !flag.known {
		return Flag{}, hint.New(fmt.Errorf("%w: --%s", ErrUnknown, name), "write the value into the manifest, without a variable that the kubelet fills in")
	}
	return flag, nil
}

func (f Flags) lookup(name string) Flag {
	if flag, ok := f.command[name]; ok {
		return flag
	}
	if !f.etcd {
		return Flag{"", FromDefault, true}
	}
	variable := "ETCD_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
	if v, ok := f.env[variable]; ok && (v.value != "" || !v.known) {
		return Flag{v.value, FromEnvironment, v.known}
	}
	value, known := f.fallback(name)
	return Flag{value, FromDefault, known && !f.envFrom}
}

// fallback is what etcd does without a flag, which for some depends on others.
func (f Flags) fallback(name string) (value string, known bool) {
	switch name {
	case "name":
		return "default", true
	case "data-dir":
		member := f.lookup("name")
		return member.Value + ".etcd", member.known
	case "initial-cluster":
		member, urls := f.lookup("name"), f.lookup("initial-advertise-peer-urls")
		var pairs []string
		for url := range strings.SplitSeq(urls.Value, ",") {
			pairs = append(pairs, member.Value+"="+url)
		}
		return strings.Join(pairs, ","), member.known && urls.known
	case "initial-cluster-token":
		return "etcd-cluster", true
	case "initial-cluster-state":
		return "new", true
	case "listen-peer-urls", "initial-advertise-peer-urls":
		return "http://localhost:2380", true
	case "listen-client-urls", "advertise-client-urls":
		return "http://localhost:2379", true
	case "quota-backend-bytes":
		return "0", true
	case "max-request-bytes":
		return "1572864", true
	default:
		return "", true
	}
}
