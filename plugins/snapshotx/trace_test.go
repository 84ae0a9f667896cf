package snapshotx_test

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
)

// syscallTrace is what strace -f -y has seen of a restore, reduced to what matters
// for invariant I2: nothing is published before it is on disk.
type syscallTrace struct {
	marks    map[string]*mark // of everything below a part
	unsynced map[string]int   // directories that got a name by a rename, and in which line
	renames  []string         // final names, in order
	synced   map[string]bool  // final paths that were on disk before they got their names
	problems []string
}

// mark says when a path was changed last, and when a sync of it was begun and
// ended, in lines of the trace.
type mark struct{ changed, syncBegan, syncEnded int }

func (m mark) onDisk(at int) bool { return m.syncBegan > m.changed && m.syncEnded < at }

// call is one system call with the lines in which it began and ended.
type call struct {
	name, args string
	began      int
	ended      int
}

var (
	wholeCall   = regexp.MustCompile(`^(\d+)\s+(\w+)\((.*)\)\s+= (-?\d+)`)
	begunCall   = regexp.MustCompile(`^(\d+)\s+(\w+)\((.*) <unfinished \.\.\.>$`)
	resumedCall = regexp.MustCompile(`^(\d+)\s+<\.\.\. (\w+) resumed>(.*)\)\s+= (-?\d+)`)
	descriptor  = regexp.MustCompile(`\b\d+<([^>]*)>`)
	quoted      = regexp.MustCompile(`"([^"]*)"`)
	partPath    = regexp.MustCompile(`\.part-[0-9a-f]{16}(/|$)`)
)

// parseTrace follows every successful call of the trace.
func parseTrace(text string) *syscallTrace {
	t := &syscallTrace{marks: map[string]*mark{}, unsynced: map[string]int{}, synced: map[string]bool{}}
	begun := map[string]call{} // by thread
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimRight(line, "\n")
		if m := begunCall.FindStringSubmatch(line); m != nil {
			begun[m[1]] = call{name: m[2], args: m[3], began: n}
			continue
		}
		var c call
		var result string
		if m := wholeCall.FindStringSubmatch(line); m != nil {
			c, result = call{m[2], m[3], n, n}, m[4]
		} else if m := resumedCall.FindStringSubmatch(line); m != nil {
			c, result = begun[m[1]], m[4]
			c.args, c.ended = c.args+m[3], n
		} else {
			continue
		}
		if !strings.HasPrefix(result, "-") {
			t.follow(c)
		}
	}
	for dir, line := range t.unsynced {
		t.problem(line, "%s is not synced after a rename into it", dir)
	}
	return t
}

func (t *syscallTrace) problem(line int, format string, args ...any) {
	t.problems = append(t.problems, fmt.Sprintf("line %d: ", line)+fmt.Sprintf(format, args...))
}

func (t *syscallTrace) follow(c call) {
	switch c.name {
	case "fsync", "fdatasync":
		path := firstMatch(descriptor, c.args)
		if m := t.marks[path]; m != nil {
			m.syncBegan, m.syncEnded = c.began, c.ended
		}
		if line, waits := t.unsynced[path]; waits && c.began > line {
			delete(t.unsynced, path)
		}
	case "write", "pwrite64", "ftruncate", "ioctl":
		t.change(firstMatch(descriptor, c.args), c.ended)
	case "copy_file_range":
		if both := descriptor.FindAllStringSubmatch(c.args, 2); len(both) == 2 {
			t.change(both[1][1], c.ended)
		}
	case "mkdir", "mkdirat":
		t.create(firstMatch(quoted, c.args), c.ended)
	case "openat":
		if strings.Contains(c.args, "O_CREAT") {
			if path := firstMatch(quoted, c.args); t.marks[path] == nil {
				t.create(path, c.ended)
			}
		}
	case "rename", "renameat", "renameat2":
		if names := quoted.FindAllStringSubmatch(c.args, 2); len(names) == 2 {
			t.rename(names[0][1], names[1][1], c)
		}
	}
}

func firstMatch(re *regexp.Regexp, s string) string {
	if m := re.FindStringSubmatch(s); m != nil {
		return m[1]
	}
	return ""
}

func (t *syscallTrace) change(path string, line int) {
	if partPath.MatchString(path) {
		if t.marks[path] == nil {
			t.marks[path] = &mark{}
		}
		t.marks[path].changed = line
	}
}

func (t *syscallTrace) create(path string, line int) {
	t.change(path, line)
	t.change(filepath.Dir(path), line)
}

func (t *syscallTrace) rename(from, to string, c call) {
	if !partPath.MatchString(from) {
		t.problem(c.began, "%s was renamed to %s, and is no part", from, to)
		return
	}
	t.renames = append(t.renames, to)
	for path, m := range t.marks {
		if path != from && !strings.HasPrefix(path, from+"/") {
			continue
		}
		if !m.onDisk(c.began) {
			t.problem(c.began, "%s was changed in line %d and not synced before it was published", path, m.changed)
		}
		t.synced[to+strings.TrimPrefix(path, from)] = true
	}
	t.unsynced[filepath.Dir(to)] = c.ended
}
