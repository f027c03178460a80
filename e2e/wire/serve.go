//go:build e2e

package wire

import (
	"bytes"
	"net"
)

// Serve is an upstream on one connection: it reads requests with the strict parser,
// and calls handle for one after the other, while it returns true.
func Serve(conn net.Conn, handle func(conn net.Conn, request *Message) bool) {
	var in []byte
	for {
		request := readWhile(conn, &in, func() (*Message, error) { return parseRequest(in) })
		if request == nil || !request.Complete {
			return
		}
		in = bytes.Clone(in[request.Size:])
		if !handle(conn, request) {
			return
		}
	}
}

// readWhile reads until a message is complete, or broken; nil if it is cut.
func readWhile(conn net.Conn, in *[]byte, parse func() (*Message, error)) *Message {
	buffer := make([]byte, 4<<10)
	for {
		n, err := conn.Read(buffer)
		*in = append(*in, buffer[:n]...)
		if m, broken := parse(); m.Complete || broken != nil {
			return m
		}
		if err != nil {
			return nil
		}
	}
}
