// Package proxy is the data path of apim-edge: what happens between a client's
// request and the upstream's answer. ARCHITECTURE.md tells the life of one
// exchange; story (story.go) is the same in code, a list of steps.
//
// Everything of a client's connection and of its exchanges happens on one
// goroutine, that of its loop, and nothing of it is locked. A step never blocks:
// where it has to wait it returns wire.ErrWait, and is called again when something
// has happened on the client's or on the upstream's connection.
//
// What an exchange is in the middle of is told by a few states, each of which only
// ever goes forward:
//
//	step    readHead > answerHealth > findRoute > answerPreflight > answerLastHop > admit > decide > cross > beginBody > findModel > ask > relay
//
//	attempt (none) > dialing > conn > sent (resp is there) > final head (status)
//	           ^                 |
//	           +---- abandon ----+   if the connection took no byte, or the upstream
//	                                 says that nothing ran: to it again, or to another
//
//	upload  none > begun > active > complete
//	                         +----> refused     the upstream takes no more of the body
//
//	answer  none > preflight | options | models | probe | error | upstream   from here on an error can only abort
//	body    plain | events | opaque_events | tunnel   what the upstream's answer is
//	next    request > close > linger            how the client's connection goes on
//
// The client's connection itself waits for a request (x is nil), carries an
// exchange (x), lingers behind its last answer (lingering), or waits for the reset
// that cuts an answer (cutting).
//
// An exchange ends exactly once, in end (end.go), whatever it came to: there it is
// answered or aborted, its upstream's connection kept or dropped, its record made,
// and everything given back.
package proxy
