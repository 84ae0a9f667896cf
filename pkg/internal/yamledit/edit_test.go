package yamledit_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/etcd-restore/etcd-restore/pkg/internal/yamledit"
)

// get reads the place that tests edit.
func get(d *yamledit.Document) yamledit.Value { return d.Root().Get("a", "path") }

func TestReplace(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ text, value, want string }{
		"plain":                 {"a:\n  path: /old # why\n  b: 1\n", "/new/er", "a:\n  path: /new/er # why\n  b: 1\n"},
		"plain needs quotes":    {"a:\n  path: /old\n", "/new: # x", "a:\n  path: \"/new: # x\"\n"},
		"spaces inside":         {"a:\n  path: /old\n", "/new one", "a:\n  path: /new one\n"},
		"single":                {"a: {path: '/o''ld'}\n", "/n'ew", "a: {path: '/n''ew'}\n"},
		"double":                {`a: {"path": "/o\"l\x64\\"}`, `/n"e\w`, `a: {"path": "/n\"e\\w"}`},
		"double over lines":     {"a:\n  path: \"/ol\\\n    d\"\n  b: 1\n", "/new", ""},
		"flow":                  {"a: {path: /old, b: [/old, x]} # c\n", "/new", "a: {path: /new, b: [/old, x]} # c\n"},
		"flow needs quotes":     {"a: {path: /old, b: c}\n", "/n,e]w", "a: {path: \"/n,e]w\", b: c}\n"},
		"json":                  {"{\n\t\"a\": {\"path\" : \"/old\"}, \"b\": [null, 1.5, true]\n}\n", "/new", "{\n\t\"a\": {\"path\" : \"/new\"}, \"b\": [null, 1.5, true]\n}\n"},
		"literal":               {"a:\n  path: |-\n    /old\n  b: 1\n", "/new", "a:\n  path: |-\n    /new\n  b: 1\n"},
		"folded":                {"a:\n  path: >- # why\n\n      /old\n\n  b: 1\n", "/new", ""},
		"folded tight":          {"a:\n  path: >- # why\n      /old\n\n  b: 1\n", "/new", "a:\n  path: >- # why\n      /new\n\n  b: 1\n"},
		"crlf":                  {"a:\r\n  # c\r\n  path: /old\r\n", "/new", "a:\r\n  # c\r\n  path: /new\r\n"},
		"cr":                    {"a:\r  path: /old\rb: 1", "/new", "a:\r  path: /new\rb: 1"},
		"mark at the beginning": {"\ufeffa: {path: /old}\n", "/new", "\ufeffa: {path: /new}\n"},
		"wide characters":       {"a: {\"ключ🔑\": \"日本\", path: /ö/🔑} # ö\n", "/日本", "a: {\"ключ🔑\": \"日本\", path: /日本} # ö\n"},
		"separators as breaks":  {"# a\u2028# b\u0085a: {path: /old}\n", "/new", "# a\u2028# b\u0085a: {path: /new}\n"},
		"tabs":                  {"a:\t{path:\t/old\t}\t# c\n", "/new", "a:\t{path:\t/new\t}\t# c\n"},
		"no end of line":        {"a:\n  path: /old", "/new", "a:\n  path: /new"},
		"document markers":      {"%YAML 1.1\n---\na:\n  path: /old\n...\n", "/new", "%YAML 1.1\n---\na:\n  path: /new\n...\n"},
		"next line":             {"a:\n  path:\n    /old\n", "/new", "a:\n  path:\n    /new\n"},
		"anchor nobody uses":    {"a:\n  path: &x /old\n", "/new", "a:\n  path: &x /new\n"},
		"alias":                 {"b: &x /old\na:\n  path: *x # c\nc: *x\n", "/new", "b: &x /old\na:\n  path: /new # c\nc: *x\n"},
		"alias in a flow":       {"b: &x /old\na: {path: *x }\n", "/n]w", "b: &x /old\na: {path: \"/n]w\" }\n"},
		"merge elsewhere":       {"b: &x {k: v}\na:\n  <<: *x\n  path: /old\n", "/new", "b: &x {k: v}\na:\n  <<: *x\n  path: /new\n"},
		"same value":            {"a:\n  path: \"\\x2fold\"\n", "/old", "a:\n  path: \"\\x2fold\"\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := parse(t, tc.text)
			got, err := d.Replace(get(d), tc.value)
			if tc.want == "" {
				if !errors.Is(err, yamledit.ErrStyle) || got != nil {
					t.Errorf("got %q, %v, want ErrStyle", got, err)
				}
				return
			}
			if err != nil || string(got) != tc.want {
				t.Errorf("got  %q, %v\nwant %q", got, err, tc.want)
			}
		})
	}
}

func TestReplaceRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		text, value string
		want        error
	}{
		"anchor with another use":     {"a:\n  path: &x /old\nb: *x\n", "/new", yamledit.ErrShared},
		"part of an aliased mapping":  {"a: &x\n  path: /old\nb: *x\n", "/new", yamledit.ErrShared},
		"reached through an alias":    {"b: &x {path: /old}\na: *x\n", "/new", yamledit.ErrShared},
		"merged in":                   {"b: &x {path: /old}\na:\n  <<: *x\n", "/new", yamledit.ErrShared},
		"merged in from one of many":  {"b: &x {path: /old}\nc: &y {z: 1}\na:\n  <<: [*y, *x]\n", "/new", yamledit.ErrShared},
		"plain over lines":            {"a:\n  path: /old\n    er\n", "/new", yamledit.ErrStyle},
		"block over lines":            {"a:\n  path: |-\n    /old\n    er\n", "/new", yamledit.ErrStyle},
		"block with the end of line":  {"a:\n  path: |\n    /old\n", "/new", yamledit.ErrStyle},
		"tag":                         {"a:\n  path: !!str /old\n", "/new", yamledit.ErrStyle},
		"no string":                   {"a:\n  path: 5\n", "/new", yamledit.ErrStyle},
		"no string to Kubernetes":     {"a:\n  path: yes\n", "/new", yamledit.ErrStyle},
		"nothing":                     {"a: 1\n", "/new", yamledit.ErrStyle},
		"new value with a line end":   {"a:\n  path: /old\n", "/new\nb: 1", yamledit.ErrValue},
		"new value with an escape":    {"a:\n  path: /old\n", "/new\x1b[31m", yamledit.ErrValue},
		"new value with a separator":  {"a:\n  path: /old\n", "/new\u2028", yamledit.ErrValue},
		"new value that is not UTF-8": {"a:\n  path: /old\n", "/new\xff", yamledit.ErrValue},
		"empty":                       {"a:\n  path: /old\n", "", yamledit.ErrValue},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := parse(t, tc.text)
			got, err := d.Replace(get(d), tc.value)
			if !errors.Is(err, tc.want) || got != nil {
				t.Errorf("got %q, %v, want %v", got, err, tc.want)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"nothing":                     "",
		"comment only":                "# nothing\n",
		"two documents":               "a: 1\n---\nb: 1\n",
		"an empty second document":    "a: 1\n---\n",
		"not UTF-8":                   "a: \xff\n",
		"UTF-16":                      "\xff\xfea\x00:\x00 \x001\x00",
		"unclosed":                    "a: [1\n",
		"key twice":                   "a: 1\nb: 2\na: 3\n",
		"key twice, below":            "x:\n- {a: 1, 'a': 2}\n",
		"a mapping as key":            "{a: 1}: 2\n",
		"brace, but no JSON":          "{a: 1}\n",
		"key twice in JSON":           `{"a": 1, "a": 2}`,
		"merge behind what it has":    "b: &x {k: v}\na:\n  k: w\n  <<: *x\n",
		"unknown anchor":              "a: *x\n",
		"JSON that YAML reads anew":   `{"a": "` + "\u0085" + `"}`,
		"JSON with an escaped slash":  `{"a": "\/"}`,
		"JSON that YAML cannot read":  `{"a": "\ud83d\ude00"}`,
		"a circle that merges itself": "a: &a\n  b: 1\n  <<: *a\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := yamledit.Parse([]byte(text)); !errors.Is(err, yamledit.ErrSyntax) {
				t.Errorf("got %v, want ErrSyntax", err)
			}
		})
	}
}

func TestLookup(t *testing.T) {
	t.Parallel()
	d := parse(t, "base: &b {x: 1, own: base}\nm:\n  <<: [*b, {y: two, x: three}]\n  own: mine\nl: [a, *b]\nt: true\nd: 2020-01-02\n")
	m := d.Root().Get("m")
	if got, _ := m.Get("own").Text(); got != "mine" {
		t.Errorf("own is %q", got)
	}
	if got, _ := m.Get("y").Text(); got != "two" {
		t.Errorf("y is %q", got)
	}
	if _, ok := m.Get("x").Text(); ok {
		t.Error("x comes from the first mapping that has it, where it is a number")
	}
	if got := strings.Join(m.Keys(), ","); got != "own,x,y" {
		t.Errorf("keys are %s", got)
	}
	items := d.Root().Get("l").Items()
	if got, _ := items[1].Get("own").Text(); len(items) != 2 || got != "base" {
		t.Errorf("own of the second item is %q", got)
	}
	if v, ok := d.Root().Get("t").Bool(); !v || !ok {
		t.Error("t is not true")
	}
	if got, ok := d.Root().Get("d").Text(); !ok || got != "2020-01-02" {
		t.Error("to Kubernetes a date is a string")
	}
	if none := d.Root().Get("m", "nothing", "at", "all"); none.Exists() || none.Line() != 0 || !none.IsNull() || none.Items() != nil {
		t.Error("what does not exist does")
	}
}

// Whatever the text: a replacement leaves every byte around the value alone, and
// the value back in its place gives the text back.
func FuzzReplace(f *testing.F) {
	for _, text := range []string{
		"a:\n  path: /old # why\n", "a: {path: '/o''ld'}\n", "{\"a\": {\"path\": \"/old\"}}",
		"a:\n  path: |-\n    /old\n  b: 1\n", "b: &x /old\r\na:\r\n  path: *x # c\r\nc: *x\r\n",
		"\ufeffa:\n  path: &x >-\n   /old\n", "b: &x {k: v}\na:\n  <<: *x\n  path: \"/\\x41\"\n",
		"a: &a\n  b: 1\n  <<: *a\n", "a: &a [*a, {path: *a}]\n",
	} {
		f.Add([]byte(text), "/new")
	}
	f.Fuzz(func(t *testing.T, text []byte, value string) {
		before := bytes.Clone(text)
		d, err := yamledit.Parse(text)
		if err != nil {
			return
		}
		old, _ := get(d).Text()
		edited, err := d.Replace(get(d), value)
		if !bytes.Equal(before, text) {
			t.Fatal("the input was changed")
		}
		if err != nil {
			return
		}
		e, err := yamledit.Parse(edited)
		if err != nil {
			t.Fatalf("the result does not parse: %v", err)
		}
		if got, _ := get(e).Text(); got != value {
			t.Fatalf("the value is %q, want %q", got, value)
		}
		prefix, suffix := around(text, edited)
		if gap := text[prefix : len(text)-suffix]; bytes.ContainsAny(gap, "\r\n") && !bytes.ContainsAny(gap, `"'`) {
			t.Fatalf("more than one line was replaced: %q", gap)
		}
		back, err := e.Replace(get(e), old)
		if err != nil {
			return // the old value was none that may be written
		}
		if p, s := around(text, back); !bytes.Equal(back, text) && !respelled(text[p:len(text)-s]) && !respelled(text[prefix:len(text)-suffix]) && !quotedNow(edited, prefix, suffix) {
			t.Fatalf("back it is  %q\nbefore it was %q", back, text)
		}
	})
}

// around measures what two texts have in common at both ends.
func around(a, b []byte) (prefix, suffix int) {
	for prefix < len(a) && prefix < len(b) && a[prefix] == b[prefix] {
		prefix++
	}
	for suffix < len(a)-prefix && suffix < len(b)-prefix && a[len(a)-1-suffix] == b[len(b)-1-suffix] {
		suffix++
	}
	return prefix, suffix
}

// respelled reports whether a piece of text was an alias, or spelled with escapes
// or line ends that nobody would write.
func respelled(piece []byte) bool { return bytes.ContainsAny(piece, "*\\\r\n") }

// quotedNow reports whether the new value got quotes that the old one had not.
func quotedNow(edited []byte, prefix, suffix int) bool {
	return bytes.ContainsAny(edited[prefix:len(edited)-suffix], `"`)
}

func parse(t *testing.T, text string) *yamledit.Document {
	t.Helper()
	d, err := yamledit.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return d
}
