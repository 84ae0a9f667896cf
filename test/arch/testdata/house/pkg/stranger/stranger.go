// Package stranger has no row in the table.
package stranger
