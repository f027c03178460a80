// Package faults holds what the edge must keep when everything goes wrong at once:
// hundreds of clients with mixed work, while the upstream is killed, hung, slow,
// truncating or talking nonsense, while the configuration changes, while file
// descriptors run out, while clients leave, while one of several upstreams throttles,
// dies and hangs, during a drain, behind a SIGKILL and while one edge takes over from another;
// and what it must not let anyone do to the others: slow heads and bodies,
// answers that nobody reads, connections that say nothing, floods.
//
// These are the named situations of package load, which has the clients, the
// upstream (this test binary, in another role, so that it can be stopped and
// killed), and the ledger that lays three records of each exchange side by side:
// what its client saw, what arrived at the upstream, and the access line.
//
//	go test -tags e2e -count 1 ./e2e/faults
//	go test -tags e2e -count 1 ./e2e/faults -run UnderLoad -faults.for 2m -faults.clients 1000
//	go test -tags e2e -count 1 ./e2e/faults -run 'Upgrade|Restart' -faults.upgrades 10
//
// EDGE_BINARY names another binary than the one that the tests build, for example
// one built with -race; the bounds of memory are for one without.
package faults
