package staticpod

import "strings"

// environment is what a container's variables are, as far as the manifest tells.
type environment map[string]variable

type variable struct {
	value string
	known bool
}

// environment gives every variable the value that the kubelet would: a value may
// refer to the variables above it.
func (c *Container) environment() environment {
	env := environment{}
	for _, v := range c.Env {
		if v.Derived {
			env[v.Name] = variable{}
			continue
		}
		value, known := env.expand(v.Value)
		env[v.Name] = variable{value, known}
	}
	return env
}

// expand puts values in the place of $(NAME). Two dollars stand for one, and what
// nobody has defined stays as it is written.
func (env environment) expand(s string) (string, bool) {
	var b strings.Builder
	known := true
	for {
		before, after, found := strings.Cut(s, "$")
		b.WriteString(before)
		if !found {
			return b.String(), known
		}
		switch {
		case strings.HasPrefix(after, "$"):
			b.WriteByte('$')
			s = after[1:]
			continue
		case strings.HasPrefix(after, "("):
			if name, rest, closed := strings.Cut(after[1:], ")"); closed {
				v, defined := env[name]
				if defined {
					b.WriteString(v.value)
					known = known && v.known
				} else {
					b.WriteString("$(" + name + ")")
				}
				s = rest
				continue
			}
		}
		b.WriteByte('$')
		s = after
	}
}
