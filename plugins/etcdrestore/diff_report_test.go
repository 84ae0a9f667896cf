package etcdrestore

import "testing"

// What is to be read keeps the colour that its terminal has chosen.
func TestOnlyTheSignIsColoured(t *testing.T) {
	t.Parallel()
	for sign, want := range map[string]string{"+": "\x1b[32m+\x1b[0m pods/a+b", "-": "\x1b[31m-\x1b[0m pods/a+b", "~": "\x1b[35m~\x1b[0m pods/a+b"} {
		if got := coloured(sign, sign+" pods/a+b"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
