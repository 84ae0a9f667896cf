package arch

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// CheckImports compares the packages of a module with the table and returns
// what is wrong, one finding per string.
func CheckImports(g Graph, module string, table []Row) []string {
	rows := make(map[string]Row)
	for _, row := range table {
		rows[module+"/"+row.Package] = row
	}
	inside := func(path string) bool { return path == module || strings.HasPrefix(path, module+"/") }

	var findings []string
	for _, path := range slices.Sorted(maps.Keys(g)) {
		if !inside(path) {
			continue
		}
		row, known := rows[path]
		if !known {
			findings = append(findings, fmt.Sprintf("%s has no row: add it to the table in test/arch/table.go, on the lowest floor it can stand on", path))
			continue
		}
		for _, imported := range g[path].Imports {
			if name := strings.TrimPrefix(imported, module+"/"); inside(imported) && !slices.Contains(row.May, name) {
				findings = append(findings, finding([]string{path, imported},
					"lower floors never import higher ones: move what is shared down, or let "+row.Package+
						" declare the interface it needs; if the floors allow it, add it to the row"))
			}
		}
		for _, ban := range row.Never {
			if chain := g.Chain(path, inside, ban.matches); chain != nil {
				findings = append(findings, finding(chain, ban.Instead))
			}
		}
	}
	for _, row := range table {
		if _, exists := g[module+"/"+row.Package]; !exists {
			findings = append(findings, fmt.Sprintf("%s has a row and does not exist: remove the row from test/arch/table.go", row.Package))
		}
	}
	return findings
}

// CheckLinks reports the bans that a program breaks through any dependency,
// those of other modules included.
func CheckLinks(g Graph, program string, bans []Ban) []string {
	var findings []string
	everything := func(string) bool { return true }
	for _, ban := range bans {
		if chain := g.Chain(program, everything, ban.matches); chain != nil {
			findings = append(findings, finding(chain, ban.Instead))
		}
	}
	return findings
}

func finding(chain []string, instead string) string {
	return fmt.Sprintf("%s\n\tinstead: %s", strings.Join(chain, "\n\t-> "), instead)
}
