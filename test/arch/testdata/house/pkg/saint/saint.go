// Package saint comes close to the rules and keeps them.
package saint

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"regexp"
)

// ErrSaint is returned when there is nothing to forgive.
var ErrSaint = errors.New("nothing to forgive")

var (
	_          io.Writer = (*Saint)(nil)
	castagnoli           = crc32.MakeTable(crc32.Castagnoli)
	word                 = regexp.MustCompile(`\w+`)
	prefix               = []byte("saint ")
)

// Saint has state where state belongs.
type Saint struct{ os struct{ Stdout io.Writer } }

func (s *Saint) init() { s.os.Stdout = io.Discard }

// Write shadows a package-level name, which is no assignment to it.
func (s *Saint) Write(p []byte) (int, error) {
	s.init()
	word := word.Find(p)
	word = append(word, prefix...)
	var println = fmt.Fprintln
	_, err := println(s.os.Stdout, crc32.Checksum(word, castagnoli))
	return len(p), err
}
