package detached

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	noteMark  = "== " // begins a line that is not of the verb itself
	noteBegin = "begins: "
)

// Begin notes in the log that the job begins, which End reads again.
func (s *Stay) Begin(args []string) { s.note(noteBegin+"%q", strings.Join(args, " ")) }

// End notes in the log how the job has ended.
func (s *Stay) End(format string, a ...any) { s.note("has ended: "+format, a...) }

func (s *Stay) note(format string, a ...any) {
	fmt.Fprintf(s.Log, noteMark+"%s %s\n", time.Now().UTC().Format(time.RFC3339), fmt.Sprintf(format, a...))
}

// maxTail bounds what is read of a log, from its end.
const maxTail = 64 << 10

// LastWords are what a job said last, by its log: the error that it ended with, or its
// last line. They are "" if it said nothing, or never began.
func LastWords(folder, name string) (string, error) {
	p, err := open(folder, name)
	if err != nil {
		return "", err
	}
	log, err := os.OpenFile(p.log(), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	} else if err != nil {
		return "", err
	}
	defer log.Close()
	info, err := log.Stat()
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(io.NewSectionReader(log, max(0, info.Size()-maxTail), maxTail))
	return lastWords(string(text)), err
}

func lastWords(log string) string {
	var said []string
	isError := false
	for line := range strings.Lines(log) {
		line = strings.TrimRight(line, "\n")
		switch text, failed := strings.CutPrefix(line, "error: "); {
		case strings.HasPrefix(line, noteMark) && strings.Contains(line, " "+noteBegin):
			said, isError = nil, false
		case strings.HasPrefix(line, noteMark), strings.HasPrefix(line, "hint: "), line == "":
		case failed:
			said, isError = []string{text}, true
		case isError: // it has several lines
			said = append(said, line)
		default:
			said = []string{line}
		}
	}
	return strings.Join(said, "\n")
}
