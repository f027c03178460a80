package load

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httputil"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/apim-edge/apim-edge/e2e/internal/peer"
	"github.com/apim-edge/apim-edge/e2e/internal/raw"
)

// role is the upstream's, in a process of its own.
const role = "upstream of a load"

// ActUpstream plays the upstream and does not return, if that is what this process
// has been started for. Whoever loads an edge calls it first of all.
func ActUpstream() {
	name, address, secure := peer.Role()
	if name != role {
		return
	}
	p := &player{}
	l, err := peer.Listen(address, secure, p.serve)
	if err != nil {
		panic(err)
	}
	p.tell("ready", "", l.Address)
	p.obey(l)
}

// player is the upstream. It tells on its standard output, a line at a time, what
// arrives and how it ends.
type player struct {
	out     sync.Mutex
	open    atomic.Bool  // nobody stands still any more
	refusal atomic.Int64 // the status with which all are refused; 0: nobody is
}

func (p *player) tell(what, id, more string) {
	p.out.Lock()
	defer p.out.Unlock()
	_, _ = os.Stdout.WriteString(what + " " + id + " " + more + "\n")
}

// session is one connection of the edge to upstream.
type session struct {
	*raw.Conn
	*player
	faults []string // of the exchange under way
}

func (p *player) serve(c *raw.Conn) {
	p.tell("open", "", "")
	defer p.tell("closed", "", "")
	s := &session{Conn: c, player: p}
	for s.exchange() {
	}
}

// How an exchange ends for the connection that it was on, if at all.
var (
	errOver = errors.New("over") // as its part says
	errGone = errors.New("gone") // as the edge wants it
	errDied = errors.New("died") // as this process ends
)

// endOf tells the end that the edge has made from that of a restart.
func endOf(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return errDied
	}
	return errGone
}

// arrival is what upstream tells of a request.
type arrival struct{ Key, Authorization, Alias, Target, Nonce string }

// exchange serves one request; it returns false when the connection is over.
func (s *session) exchange() bool {
	req, err := http.ReadRequest(s.In)
	if err != nil {
		if !isEnd(err) {
			s.tell("broken", "", err.Error())
		}
		return false
	}
	id, part := req.Header.Get("X-Request-Id"), Part{}
	if err := json.Unmarshal([]byte(req.Header.Get("X-Part")), &part); err != nil {
		s.tell("broken", id, fmt.Sprintf("a request without a part: %v", err))
		return false
	}
	all := func(name string) string { return strings.Join(req.Header.Values(name), "|") }
	came, _ := json.Marshal(arrival{all("Api-Key"), all("Authorization"), all("Ocp-Apim-Subscription-Key"), req.URL.RequestURI(), all("X-Nonce")})
	if status := s.refusal.Load(); status > 0 {
		s.tell("refuses", id, string(came))
		err = s.turnAway(&part, id, req, int(status))
	} else {
		s.tell("arrived", id, string(came))
		err = s.play(&part, id, req)
	}
	if errors.Is(err, errDied) {
		return false
	}
	if err == nil && part.HangUp {
		s.tell("hangs-up", id, strconv.FormatInt(time.Now().UnixNano(), 10))
	}
	s.tell("ended", id, strings.Join(s.faults, "; "))
	s.faults = nil
	return err == nil && !part.HangUp && !part.Says && part.Framing != UntilEnd
}

// isEnd reports whether the connection has just ended, in whatever way: the edge
// may close one at any time.
func isEnd(err error) bool {
	var operation *net.OpError
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || errors.As(err, &operation)
}

func (s *session) wrong(format string, args ...any) {
	s.faults = append(s.faults, fmt.Sprintf(format, args...))
}

// play takes the request and answers it.
func (s *session) play(p *Part, id string, req *http.Request) error {
	if req.Header.Get("Expect") != "" {
		_, _ = io.WriteString(s, "HTTP/1.1 100 Continue\r\n\r\n")
	}
	if p.Early {
		if err := s.answer(p, id); err != nil {
			return err
		}
		return s.readUpload(p, req.Body)
	}
	if err := s.readUpload(p, req.Body); err != nil {
		return err
	}
	return s.answer(p, id)
}

// readUpload checks the body of the request. It returns an error if the body is cut.
func (s *session) readUpload(p *Part, body io.Reader) error {
	want, buffer, length := p.sent(), make([]byte, 16<<10), int64(0)
	for {
		n, err := body.Read(buffer)
		length += int64(n)
		if fault := compare(want, buffer[:n]); fault != nil {
			s.wrong("upload: %v", fault)
		}
		if err == io.EOF {
			if length != p.Upload {
				s.wrong("upload: %d bytes look like the whole of %d", length, p.Upload)
			}
			return nil
		}
		if err != nil {
			return endOf(err)
		}
	}
}

// nonsense is what upstream says instead of an answer.
var nonsense = []string{
	"nonsense\r\n\r\n",
	"HTTP/1.1 abc OK\r\n\r\n",
	"HTTP/1.1 2000 OK\r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
	"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nbad name: x\r\n\r\nhello",
	"HTTP/1.1 200 OK\r\nX: a\x00b\r\nContent-Length: 0\r\n\r\n",
}

// answer does what the fate of an exchange says. An error ends the connection.
func (s *session) answer(p *Part, id string) error {
	switch p.Fate {
	case Closes:
		return errOver
	case Resets:
		s.Leave(raw.ByReset)
		return errOver
	case Garbage:
		_, _ = io.WriteString(s, nonsense[p.Seq%uint64(len(nonsense))])
		return errOver
	case Babble:
		_, _ = io.WriteString(s, strings.Repeat("\x16\x03\x01\x02\x00", 20000))
		return errOver
	case Hang:
		return s.awaitEnd(p)
	case Truncate:
		return s.truncate(p, id)
	}
	if p.Tunnel {
		return s.echo()
	}
	if err := s.writeHead(s, p, id); err != nil {
		return err
	}
	if err := s.writeBody(s, p); err != nil {
		return err
	}
	switch p.Fate {
	case HangBody:
		return s.awaitEnd(p)
	case BadChunk:
		_, _ = io.WriteString(s, "no number\r\n")
		return errOver
	case Cut:
		return errOver
	case CutReset:
		time.Sleep(5 * time.Millisecond) // what was sent arrives, mostly
		s.Leave(raw.ByReset)
		return errOver
	}
	return nil
}

// truncate takes the end of the answer away, at least a byte.
func (s *session) truncate(p *Part, id string) error {
	var whole bytes.Buffer
	good := *p
	good.Fate, good.Gap = Good, 0
	if err := errors.Join(s.writeHead(&whole, &good, id), s.writeBody(&whole, &good)); err != nil {
		return err
	}
	_, _ = s.Write(whole.Bytes()[:rand.IntN(whole.Len())])
	s.Leave([]raw.Leaving{raw.ByCut, raw.ByReset}[p.Seq%2])
	return errOver
}

func (s *session) writeHead(to io.Writer, p *Part, id string) error {
	var head strings.Builder
	status := "200 OK"
	if p.Framing == NoContent {
		status = "204 No Content"
	}
	fmt.Fprintf(&head, "HTTP/1.1 %s\r\nX-Nonce: %s\r\nApim-Request-Id: %s\r\n", status, id, id)
	switch p.Framing {
	case ByLength:
		fmt.Fprintf(&head, "Content-Type: application/json\r\nContent-Length: %d\r\n", p.Size)
	case Chunked:
		head.WriteString("Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n")
	case ByEvents:
		head.WriteString("Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n")
	case UntilEnd:
		head.WriteString("Content-Type: application/octet-stream\r\n")
	case ToHEAD:
		head.WriteString("Content-Length: 4711\r\n")
	}
	if p.Says {
		head.WriteString("Connection: close\r\n")
	}
	head.WriteString("\r\n")
	text := head.String()
	if p.Fate == Slow {
		if _, err := io.WriteString(to, text[:20]); err != nil {
			return endOf(err)
		}
		if err := s.pause(p); err != nil {
			return err
		}
		text = text[20:]
	}
	if _, err := io.WriteString(to, text); err != nil {
		return endOf(err)
	}
	return nil
}

// writeBody writes the body, or as much of it as the fate has.
func (s *session) writeBody(to io.Writer, p *Part) error {
	if p.Framing == NoContent || p.Framing == ToHEAD {
		return nil
	}
	out := bufio.NewWriterSize(to, 32<<10)
	var body io.Writer = out
	if p.Framing == Chunked || p.Framing == ByEvents {
		body = httputil.NewChunkedWriter(out)
	}
	whole := p.Fate == Good || p.Fate == Slow || p.Fate == Endless
	if err := s.writePieces(p, body, out, whole); err != nil || !whole {
		return err
	}
	if end, isChunked := body.(io.Closer); isChunked {
		_ = end.Close() // writes into out
		_, _ = out.WriteString("\r\n")
	}
	if err := out.Flush(); err != nil {
		return endOf(err)
	}
	return nil
}

func (s *session) writePieces(p *Part, body io.Writer, out *bufio.Writer, whole bool) error {
	buffer := make([]byte, 16<<10)
	pieces, want := (p.Size+16<<10-1)/(16<<10), p.want()
	if p.Fate == Slow {
		piece := min(p.Size/4+1, 16<<10)
		pieces, buffer = (p.Size+piece-1)/piece, buffer[:piece]
	}
	if p.Framing == ByEvents {
		pieces, buffer = p.Size+1, buffer[:cap(buffer)] // one read is one event
	}
	if !whole {
		pieces /= 2
		if pieces == 0 { // short: half of it
			pieces, buffer = 1, buffer[:p.Size/2]
		}
	}
	for i := range pieces {
		for p.Gated && i == pieces/2 && !s.open.Load() {
			if err := s.pause(&Part{Gap: 50 * time.Millisecond}); err != nil {
				return err
			}
		}
		// Never behind the last piece: there the edge may begin the next exchange.
		if i > 0 && p.Gap > 0 {
			if err := s.pause(p); err != nil {
				return err
			}
		}
		n, err := want.Read(buffer)
		if err == io.EOF {
			break
		}
		if _, err := body.Write(buffer[:n]); err != nil {
			return endOf(err)
		}
		if err := out.Flush(); err != nil {
			return endOf(err)
		}
	}
	return nil
}

// pause waits between two pieces, and sees the edge end the connection meanwhile.
func (s *session) pause(p *Part) error {
	if p.Early {
		time.Sleep(p.Gap) // what comes is the upload
		return nil
	}
	_ = s.SetReadDeadline(time.Now().Add(p.Gap))
	defer s.SetReadDeadline(time.Time{})
	_, err := s.In.Peek(1)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil
	case err == nil:
		s.wrong("more comes on the connection before it has answered")
	}
	return endOf(err)
}

// awaitEnd waits until the edge gives an exchange up.
func (s *session) awaitEnd(p *Part) error {
	if p.Patience > 0 {
		_ = s.SetReadDeadline(time.Now().Add(p.Patience))
	}
	_, err := s.In.Peek(1)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		s.wrong("upstream said nothing for %s, and the edge still waits", p.Patience)
	case err == nil:
		s.wrong("more comes on the connection while it does not answer")
	}
	return endOf(err)
}

// echo is the upstream's end of a tunnel.
func (s *session) echo() error {
	const accept = "c29hay1zb2FrLXNvYWstcw=="
	_, err := io.WriteString(s, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: "+accept+"\r\n\r\n")
	if err == nil {
		_, err = io.Copy(s, s.In)
	}
	return endOf(err)
}
