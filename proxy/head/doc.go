// Package head is the heads of messages as bytes: it reads them strictly, and writes
// what the other side is sent instead. It is pure: it knows no exchange, no clock and
// no I/O, so that every function can be tabled, fuzzed and explained.
//
//	var scan head.Scan                       // where does the head end?
//	n := scan.End(bytes)
//	err := request.Parse(bytes[:n])          // refuse what two parsers could read differently
//	forwarded := head.Forwarded{Request: request, ...}
//	out = forwarded.Append(out)              // what an upstream is sent
//
// A parsed head aliases the bytes that it was read from, and dies with them.
package head
