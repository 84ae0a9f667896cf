//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// place is where in a journal to stop: at a number of lines, or at a line. The zero
// value is nowhere.
type place struct {
	lines       int
	event, step string
}

func parsePlace(text string) (place, error) {
	if event, step, ok := strings.Cut(text, ":"); ok && event != "" {
		return place{event: event, step: step}, nil
	}
	lines, err := strconv.Atoi(text)
	if err != nil || lines < 1 {
		return place{}, fmt.Errorf("%q is neither the number of a line nor EVENT:STEP", text)
	}
	return place{lines: lines}, nil
}

// reached looks at the last line of a journal, or at how many there are.
func (p place) reached(journal []byte) bool {
	if p.event == "" {
		return p.lines > 0 && bytes.Count(journal, []byte("\n")) >= p.lines
	}
	whole := bytes.TrimSuffix(journal, []byte("\n"))
	last := whole[bytes.LastIndexByte(whole, '\n')+1:]
	var line struct{ Event, Step string }
	return json.Unmarshal(last, &line) == nil && line.Event == p.event && strings.HasPrefix(line.Step, p.step)
}
