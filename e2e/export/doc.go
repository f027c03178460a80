// Package export holds what apim-edge export promises of nginx and HAProxy: the exported
// file runs in the real program, beside an edge with the configuration that it was made
// of, and both are asked the same.
//
//	e2e/install && go test -tags e2e -count 1 ./e2e/export
//
// Where a program does something else than the edge, the difference has to be in the list
// that export writes. What the list names of that kind has to show (TestGapsAreReal).
package export
