package revision

import (
	"fmt"
	"strings"
)

// Fact is one line of a proof, for a person.
type Fact struct{ Name, Value string }

// Facts lists the decision in the order in which it is made: what is known,
// what is not, what follows.
func (p Proof) Facts() []Fact {
	facts := []Fact{
		{"snapshot revision", fmt.Sprint(p.Snapshot)},
		{"highest revision seen", fmt.Sprintf("%d (%s)", p.Highest, p.HighestFrom)},
	}
	if len(p.Missing) > 0 {
		facts = append(facts, Fact{"no evidence from", strings.Join(p.Missing, ", ")})
	}
	if p.Floor {
		facts = append(facts, Fact{"floor", fmt.Sprintf("%d (unix time x %d)", p.First, floorPerSecond)})
	}
	return append(facts,
		Fact{"bump", fmt.Sprint(p.Bump)},
		Fact{"starts at revision", fmt.Sprint(p.First)},
	)
}

// String is the facts, one to a line.
func (p Proof) String() string {
	var lines []string
	for _, f := range p.Facts() {
		lines = append(lines, f.Name+": "+f.Value)
	}
	return strings.Join(lines, "\n")
}
