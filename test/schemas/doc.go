// Command schemas writes docs/schemas: of every result that the two programs print as
// JSON a JSON Schema, made of the Go type and its comments. Its test fails when
// docs/schemas is not what the types say.
package main
