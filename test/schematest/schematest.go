// Package schematest compares what a command prints as JSON with the schema of it that
// users are given.
package schematest

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Require fails the test unless text is as the schema called name says. It is for
// packages two folders below the root.
func Require(t testing.TB, name, text string) {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	s, err := c.Compile(filepath.Join("..", "..", "docs", "schemas", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err == nil {
		err = s.Validate(value)
	}
	if err != nil {
		t.Errorf("not as docs/schemas/%s.json says: %v\n%s", name, err, text)
	}
}
