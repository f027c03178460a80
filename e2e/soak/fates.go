package main

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httputil"
	"os"
	"strings"
	"time"
)

// errGone ends a connection to the edge as its fate wants it.
var errGone = errors.New("the connection is over")

// nonsense is what upstream says instead of an answer.
var nonsense = []string{
	"nonsense\r\n\r\n",
	"HTTP/1.1 abc OK\r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
	"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nbad name: x\r\n\r\nhello",
}

// answer does what the fate of an exchange says. An error ends the connection.
func (s *session) answer(x *exchange) error {
	switch x.fate {
	case closes:
		return errGone
	case reset:
		s.reset()
		return errGone
	case garbage:
		_, _ = io.WriteString(s, nonsense[x.seq%uint64(len(nonsense))])
		return errGone
	case hang:
		return s.awaitEnd(x)
	}
	if x.kind == "tunnel" {
		return s.echo()
	}
	if err := s.writeHead(x); err != nil {
		return err
	}
	if err := s.writeBody(x); err != nil {
		return err
	}
	switch x.fate {
	case hangBody:
		return s.awaitEnd(x)
	case cut:
		return errGone
	case cutReset:
		time.Sleep(5 * time.Millisecond) // what was sent arrives, mostly
		s.reset()
		return errGone
	}
	return nil
}

func (s *session) writeHead(x *exchange) error {
	var head strings.Builder
	status := "200 OK"
	if x.framing == noContent {
		status = "204 No Content"
	}
	fmt.Fprintf(&head, "HTTP/1.1 %s\r\nX-Soak: %s\r\nApim-Request-Id: %s\r\n", status, x.id, x.id)
	switch x.framing {
	case byLength:
		fmt.Fprintf(&head, "Content-Type: application/json\r\nContent-Length: %d\r\n", x.size)
	case chunked:
		head.WriteString("Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n")
	case byEvents:
		head.WriteString("Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n")
	case untilEnd:
		head.WriteString("Content-Type: application/octet-stream\r\n")
	}
	if x.says {
		head.WriteString("Connection: close\r\n")
	}
	head.WriteString("\r\n")
	text := head.String()
	if x.fate == slow {
		if _, err := io.WriteString(s, text[:20]); err != nil {
			return err
		}
		if err := s.pause(x); err != nil {
			return err
		}
		text = text[20:]
	}
	_, err := io.WriteString(s, text)
	return err
}

// writeBody writes the body, or as much of it as the fate has.
func (s *session) writeBody(x *exchange) error {
	if x.framing == noContent {
		return nil
	}
	out := bufio.NewWriterSize(s, 32<<10)
	var body io.Writer = out
	if x.framing == chunked || x.framing == byEvents {
		body = httputil.NewChunkedWriter(out)
	}
	whole := x.fate == good || x.fate == slow || x.fate == endless
	if err := s.writePieces(x, body, out, whole); err != nil || !whole {
		return err
	}
	if end, isChunked := body.(io.Closer); isChunked {
		_ = end.Close() // writes into out
		_, _ = out.WriteString("\r\n")
	}
	return out.Flush()
}

func (s *session) writePieces(x *exchange, body io.Writer, out *bufio.Writer, whole bool) error {
	buffer := make([]byte, 16<<10)
	pieces, want := (x.size+16<<10-1)/(16<<10), x.want()
	if x.fate == slow {
		pieces, buffer = 4, buffer[:x.size/4+1] // the last is never empty
	}
	if x.framing == byEvents {
		pieces = x.size + 1 // one read is one event
	}
	if !whole {
		pieces /= 2
		if pieces == 0 { // short: half of it
			pieces, buffer = 1, buffer[:x.size/2]
		}
	}
	for i := range pieces {
		// Never behind the last piece: there the edge may begin the next exchange.
		if i > 0 && x.gap > 0 {
			if err := s.pause(x); err != nil {
				return err
			}
		}
		n, err := want.Read(buffer)
		if err == io.EOF {
			break
		}
		if _, err := body.Write(buffer[:n]); err != nil {
			return err
		}
		if err := out.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// pause waits between two pieces, and sees the edge end the connection meanwhile.
func (s *session) pause(x *exchange) error {
	_ = s.SetReadDeadline(time.Now().Add(x.gap))
	defer s.SetReadDeadline(time.Time{})
	_, err := s.in.Peek(1)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil
	case err == nil:
		s.u.ledger.finding(x, "upstream gets more on the connection before it has answered")
	}
	return orGone(err)
}

// awaitEnd waits until the edge gives an exchange up.
func (s *session) awaitEnd(x *exchange) error {
	const patience = 3 * max(responseHead, streamIdle)
	_ = s.SetReadDeadline(time.Now().Add(patience))
	_, err := s.in.Peek(1)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		s.u.ledger.finding(x, "upstream said nothing for %s, and the edge still waits", patience)
	}
	return orGone(err)
}

// orGone tells the end that the edge made from that of a restart.
func orGone(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return err
	}
	return errGone
}

// echo is the upstream's end of a tunnel.
func (s *session) echo() error {
	accept := make([]byte, 20)
	_, _ = rand.Read(accept)
	_, err := fmt.Fprintf(s, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: %x\r\n\r\n", accept)
	if err != nil {
		return err
	}
	_, err = io.Copy(s, s.in)
	return orGone(err)
}
