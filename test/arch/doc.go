// Package arch keeps the architecture true: who may import whom, who may print,
// and who may hold state. The rules are the table in table.go; everything here
// reads the source, and a failure says which import chain or line is at fault
// and what to do instead.
package arch
