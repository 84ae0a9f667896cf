// Package yamledit replaces one string in a YAML or JSON text without disturbing
// another byte: comments, order, quotes, line ends and anchors stay as they are.
//
// A YAML library writes a document anew and loses what it has no node for. So
// here the text is parsed for positions only, and the new string is put in the
// place of the old one. Whether that went well is not left to the cleverness of
// finding the place: the result is parsed again, and unless nothing but the one
// value differs, node by node, there is no result.
package yamledit

import "errors"

var (
	// ErrSyntax is returned for a text that is not one YAML or JSON document, or
	// one that two readers could understand differently.
	ErrSyntax = errors.New("malformed document")
	// ErrShared is returned for a value that stands in the document once and is
	// used more than once: to replace it would change its other uses.
	ErrShared = errors.New("value is shared by an anchor")
	// ErrStyle is returned for a value whose spelling cannot be replaced alone.
	ErrStyle = errors.New("value cannot be replaced where it stands")
	// ErrValue is returned for a new value that no document should hold.
	ErrValue = errors.New("not a plain string")
)
