// Package wire is the network as the data path needs it: a Loop runs everything
// of its connections on one goroutine, so that nothing of an exchange is locked
// or waits for a scheduler, and a Conn never blocks: it reads what is there,
// keeps what cannot be sent yet, and tells its Handler when something has
// happened.
//
// A Conn has three states, and goes through them in one direction:
//
//	open     it reads and sends
//	closing  Close, or Abort without a reset, has met a backlog: that goes out, and
//	         nothing else happens
//	closed   there was no backlog, or it is gone, cannot go out, or has stalled; or
//	         there was a reset, a panic, or the end of the loop
//
// Whoever adopts a socket closes the Conn, once or more often. The loop closes it where
// it comes to an end itself or a handler panics, and where a backlog was to go out in
// front; it tells the handler of each. Behind closed nothing is read, sent or waited
// for.
//
// A Buf travels: Read gives it to the caller, Send takes it, and whoever has it last
// releases it.
//
// loop_linux.go does all that with epoll and non-blocking system calls;
// loop_portable.go is its twin on net.Conn and goroutines (build tag portable),
// held by the same tests.
package wire
