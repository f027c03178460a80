package proxytest

import (
	"fmt"
	"strconv"
	"strings"
)

// What tests send and answer; Send makes the line ends CRLF.
const (
	Page = "https://chat.example.com" // a page that CORS may allow

	Request   = "POST /openai/v1/chat/completions HTTP/1.1\nHost: edge\nAuthorization: Bearer 0123abcd\nContent-Length: 2\n\n{}"
	PlainGet  = "GET / HTTP/1.1\nHost: edge\n\n"
	Preflight = "OPTIONS / HTTP/1.1\nHost: edge\nOrigin: " + Page + "\nAccess-Control-Request-Method: POST\n\n"
	Handshake = "GET /realtime HTTP/1.1\nHost: edge\nConnection: Upgrade\nUpgrade: websocket\n" +
		"Sec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n\n"

	StreamHead  = "HTTP/1.1 200 OK\nContent-Type: text/event-stream\nTransfer-Encoding: chunked\n\n"
	ChunkedHead = "HTTP/1.1 200 OK\nContent-Type: application/json\nTransfer-Encoding: chunked\n\n"
	FixedHead   = "HTTP/1.1 200 OK\nContent-Type: application/json\nContent-Length: 10\n\n"
	OpenHead    = "HTTP/1.1 200 OK\nContent-Type: application/json\n\n" // close-delimited
	Switching   = "HTTP/1.1 101 Switching Protocols\nConnection: Upgrade\nUpgrade: websocket\n\n"
)

// EchoKey answers every request with its path, its key and its length.
func EchoKey(up *Peer) {
	for {
		m, err := up.TryHead()
		if err != nil {
			return
		}
		m = up.Finish(m, false)
		text := fmt.Sprintf("%s %s %d", strings.Fields(m.First)[1], m.Get("api-key"), len(m.Body))
		up.Raw("HTTP/1.1 200 OK\r\nContent-Length: " + strconv.Itoa(len(text)) + "\r\n\r\n" + text)
	}
}

// NoConnection is the script of a connection that must not be opened.
func NoConnection(up *Peer) { up.T.Error("one more connection to the upstream") }
