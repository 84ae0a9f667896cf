package etcdrestore

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
)

// Format is one of the forms of kubectl's --output. It is a flag value.
type Format string

// The forms.
const (
	Text Format = "" // for a person
	JSON Format = "json"
	YAML Format = "yaml"
)

// Formats lists the forms that have a name, for help texts and completion.
func Formats() []string { return []string{string(JSON), string(YAML)} }

func (f *Format) String() string { return string(*f) }

// Type names the value in a help text.
func (f *Format) Type() string { return "format" }

// Set implements pflag.Value.
func (f *Format) Set(s string) error {
	for _, known := range Formats() {
		if s == known {
			*f = Format(s)
			return nil
		}
	}
	return fmt.Errorf("must be one of %s", strings.Join(Formats(), ", "))
}

// apiVersion is that of everything that is printed as JSON or YAML: a field may be
// added, none is removed and none changes its meaning.
const apiVersion = "etcd-restore/v1"

// TypeMeta says what an object is, as in all of Kubernetes.
type TypeMeta struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
}

// object is what a verb found.
type object interface {
	// words tells it to a person, in lines of at most 80 columns.
	words() string
}

// print writes a result in the form that was asked for.
func (o *Options) print(w io.Writer, result object) error {
	switch o.Format {
	case JSON:
		text, err := json.MarshalIndent(result, "", "    ") // as kubectl does
		if err != nil {
			return err
		}
		_, err = w.Write(append(output.CleanJSON(text), '\n'))
		return err
	case YAML:
		text, err := json.Marshal(result)
		if err != nil {
			return err
		}
		return writeYAML(w, text)
	default:
		_, err := io.WriteString(w, result.words())
		return err
	}
}

// writeYAML writes JSON as YAML. The parser in between takes controls as escapes only.
func writeYAML(w io.Writer, text []byte) error {
	text, err := yaml.JSONToYAML(output.CleanJSON(text))
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}
