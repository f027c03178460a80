//go:build e2e

// Package oracle compares the built binary with a second parser that shares no
// code with it and none with its oracle in proxy: Node's, in its strict
// mode. What Node reads of the stories of e2e/wire when they are told to its face
// is compared, field by field, with what it reads when the edge stands between.
// Every difference that is meant has its reason in a table, and has to occur.
package oracle
