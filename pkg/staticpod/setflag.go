package staticpod

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
	"github.com/etcd-restore/etcd-restore/pkg/internal/yamledit"
)

// ErrFlag is returned when a flag cannot be set where the manifest has its flags.
var ErrFlag = errors.New("flag cannot be set in the manifest")

// SetEtcdFlag returns the manifest with another value of a flag of etcd, and without any
// other change. A flag that is not there yet gets a line of its own behind that of the
// flag after, as that is written.
func (m *Manifest) SetEtcdFlag(name, value, after string) (*Manifest, error) {
	c, err := m.Etcd()
	if err != nil {
		return nil, err
	}
	word := "--" + name + "=" + value
	if item, ok := m.flagItem(c, name); ok {
		text, err := m.doc.Replace(item, word)
		if err != nil {
			return nil, fmt.Errorf("set --%s: %w", name, err)
		}
		return Parse(text)
	}
	return m.insertFlag(c, word, after)
}

// flagItem finds the word --name=… of a container's command or arguments.
func (m *Manifest) flagItem(c *Container, name string) (yamledit.Value, bool) {
	for _, v := range m.doc.Root().Get("spec", "containers").Items() {
		if text, _ := v.Get("name").Text(); text != c.Name {
			continue
		}
		for _, key := range []string{"command", "args"} {
			for _, item := range v.Get(key).Items() {
				if text, _ := item.Text(); strings.HasPrefix(text, "--"+name+"=") {
					return item, true
				}
			}
		}
	}
	return yamledit.Value{}, false
}

// insertFlag repeats the line of another flag. That nothing else has come of it is not
// left to chance: the result must be the same pod with one word more.
func (m *Manifest) insertFlag(c *Container, word, after string) (*Manifest, error) {
	refused := func(why string) error {
		return hint.New(fmt.Errorf("%w: %s: %s", ErrFlag, word, why), "write the flags of etcd as a list, one --flag=value a line")
	}
	item, ok := m.flagItem(c, after)
	if !ok {
		return nil, refused("there is no --" + after + "= to put it behind")
	}
	old, _ := item.Text()
	lines := bytes.SplitAfter(m.text, []byte("\n"))
	if item.Line() > len(lines) {
		return nil, refused("the line is not found")
	}
	line := lines[item.Line()-1]
	if bytes.Count(line, []byte(old)) != 1 || !bytes.HasPrefix(bytes.TrimLeft(line, " "), []byte("- ")) {
		return nil, refused("the line of --" + after + " holds more than that")
	}
	if !bytes.HasSuffix(line, []byte("\n")) {
		return nil, refused("the last line has no end")
	}
	at := bytes.Index(line, []byte(old))
	added := slices.Concat(line[:at], []byte(word), line[at+len(old):])
	if comment := bytes.Index(added, []byte(" #")); comment >= 0 {
		added = append(bytes.TrimRight(added[:comment], " "), '\n')
	}
	text := bytes.Join(slices.Insert(slices.Clone(lines), item.Line(), added), nil)
	edited, err := Parse(text)
	if err != nil {
		return nil, refused(err.Error())
	}
	want := m.Pod.withWord(c.Name, old, word)
	if !reflect.DeepEqual(edited.Pod, want) {
		return nil, refused("it would change more than that")
	}
	return edited, nil
}

// withWord is the pod with a word more, behind another.
func (p Pod) withWord(container, behind, word string) Pod {
	p.Containers = slices.Clone(p.Containers)
	for i := range p.Containers {
		c := &p.Containers[i]
		if c.Name != container {
			continue
		}
		for _, words := range []*[]string{&c.Command, &c.Args} {
			if at := slices.Index(*words, behind); at >= 0 {
				*words = slices.Insert(slices.Clone(*words), at+1, word)
				return p
			}
		}
	}
	return p
}
