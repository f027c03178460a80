// Package migration holds the promise of docs/migration.md as one story: from the first 401
// to the day on which the edge is switched off, and nobody misses it.
//
//	go test -tags e2e -count 1 ./e2e/migration
//
// The program is the real one, as people call it; the APIs are look-alikes. The months that
// it takes are simulated: each day is a life of the edge of its own, and between two lives
// every time in the census file is set back by one day (calendar_test.go). So the edge and
// the report see the days that they would have seen, and their clocks are the machine's.
package migration
