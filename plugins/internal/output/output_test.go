package output_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
)

func status() output.Result {
	return output.Result{
		Fields: []output.Field{
			{Name: "Hash", Column: "hash", Value: uint32(0xe3bd875a), Text: "e3bd875a"},
			{Name: "Revision", Column: "revision", Value: 1701},
			{Name: "Keys", Column: "total keys", Value: 170000},
			{Name: "Size", Column: "total size", Value: 1047703552, Text: output.Size(1047703552)},
			{Name: "Version", Column: "version", Value: "3.7.0"},
		},
		JSON: map[string]int{"revision": 1701},
	}
}

// The expected texts of simple, table and fields are etcdutl 3.7's.
func TestPrint(t *testing.T) {
	t.Parallel()
	for format, want := range map[output.Format]string{
		output.Simple: "e3bd875a, 1701, 170000, 1.0 GB, 3.7.0\n",
		output.JSON:   `{"revision":1701}` + "\n",
		output.Fields: `"Hash" : 3820848986
"Revision" : 1701
"Keys" : 170000
"Size" : 1047703552
"Version" : 3.7.0
`,
		output.Table: `┌──────────┬──────────┬────────────┬────────────┬─────────┐
│   HASH   │ REVISION │ TOTAL KEYS │ TOTAL SIZE │ VERSION │
├──────────┼──────────┼────────────┼────────────┼─────────┤
│ e3bd875a │     1701 │     170000 │     1.0 GB │   3.7.0 │
└──────────┴──────────┴────────────┴────────────┴─────────┘
`,
	} {
		t.Run(string(format), func(t *testing.T) {
			t.Parallel()
			var got bytes.Buffer
			if err := status().Print(&got, format); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got.String()); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestWideTableFitsATerminal(t *testing.T) {
	t.Parallel()
	wide := output.Result{Fields: []output.Field{
		{Column: "endpoint", Value: "https://10.0.0.1:2379"},
		{Column: "revision", Value: 1701},
		{Column: "sha256", Value: strings.Repeat("ab", 32)},
	}}
	var got bytes.Buffer
	if err := wide.Print(&got, output.Table); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(got.String()) {
		if n := utf8.RuneCountInString(strings.TrimSpace(line)); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	if !strings.Contains(got.String(), strings.Repeat("ab", 32)) {
		t.Errorf("the digest is missing or cut:\n%s", got.String())
	}
}

func TestNamesCannotDriveTheTerminal(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"m0":                     "m0",
		"etcd-Ünïcode-名":         "etcd-Ünïcode-名",
		"\x1b[2J\x1b]0;owned\am": "[2J]0;ownedm",
		"a\r\nb\tc\x7f":          "abc",
		"\u202egnp.exe":          "gnp.exe",
		"\u009b31m":              "31m",
		"bad\xff":                "bad\ufffd",
	} {
		if got := output.Clean(in); got != want {
			t.Errorf("Clean(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestError(t *testing.T) {
	t.Parallel()
	plain := errors.New("file exists")
	inner := output.WithHint(plain, "inner")
	for name, tc := range map[string]struct {
		err  error
		want string
	}{
		"no hint":            {plain, "error: file exists\n"},
		"hint":               {output.WithHint(plain, "use %s", "--force"), "error: file exists\nhint: use --force\n"},
		"hint below wrap":    {fmt.Errorf("save: %w", inner), "error: save: file exists\nhint: inner\n"},
		"outermost wins":     {output.WithHint(fmt.Errorf("save: %w", inner), "outer"), "error: save: file exists\nhint: outer\n"},
		"lines are kept":     {errors.New("one\ntwo"), "error: one\ntwo\n"},
		"escapes are not":    {errors.New("member \x1b[31mred"), "error: member [31mred\n"},
		"a hint for nothing": {errors.Join(plain, output.WithHint(nil, "unused")), "error: file exists\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got bytes.Buffer
			output.Error(&got, tc.err)
			if diff := cmp.Diff(tc.want, got.String()); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestErrorJSON(t *testing.T) {
	t.Parallel()
	var got bytes.Buffer
	output.ErrorJSON(&got, output.WithHint(errors.New("no\nspace"), "free some"), 6)
	var object map[string]any
	if err := json.Unmarshal(got.Bytes(), &object); err != nil {
		t.Fatalf("%v: %s", err, got.String())
	}
	want := map[string]any{"message_type": "exit_error", "code": 6.0, "message": "no\nspace", "hint": "free some"}
	if diff := cmp.Diff(want, object); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if strings.Count(got.String(), "\n") != 1 {
		t.Errorf("not one line: %q", got.String())
	}
}

func TestFormatFlag(t *testing.T) {
	t.Parallel()
	f := output.Simple
	if err := f.Set("json"); err != nil || f != output.JSON {
		t.Errorf("Set(json) = %v, format %q", err, f)
	}
	if err := f.Set("yaml"); err == nil || f != output.JSON {
		t.Errorf("Set(yaml) = %v, format %q: want an error and no change", err, f)
	}
}

// What a terminal obeys is an escape in JSON, and means the same.
func TestCleanJSON(t *testing.T) {
	const text = "a\x1b\x7f\u009b\u202e\U000e0041é"
	b, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	clean := output.CleanJSON(b)
	if want := `"a\u001b\u007f\u009b\u202e\udb40\udc41é"`; string(clean) != want {
		t.Errorf("%s, want %s", clean, want)
	}
	var again string
	if err := json.Unmarshal(clean, &again); err != nil || again != text {
		t.Errorf("%q, %v", again, err)
	}
}
