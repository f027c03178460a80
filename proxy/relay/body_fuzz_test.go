package relay

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"strings"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/proxy/wire"
)

const patience = 20 * time.Second

// stage is a loop with connections to move bodies between.
type stage struct {
	loop     *wire.Loop
	listener *net.TCPListener
}

func newStage(tb testing.TB) *stage {
	tb.Helper()
	loop, err := wire.NewLoop(0)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(loop.Close)
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = l.Close() })
	return &stage{loop, l}
}

// pair returns both ends of a connection. The far end resets when it closes, so
// that a million of them leave no port in TIME_WAIT.
func (s *stage) pair(t *testing.T) (near, far *net.TCPConn) {
	t.Helper()
	far, err := net.DialTCP("tcp", nil, s.listener.Addr().(*net.TCPAddr))
	if err != nil {
		t.Fatal(err)
	}
	if near, err = s.listener.AcceptTCP(); err != nil {
		t.Fatal(err)
	}
	_ = far.SetDeadline(time.Now().Add(patience))
	_ = far.SetLinger(0)
	return near, far
}

// passage is one body on its way. begin is called once, with both connections,
// and returns what goes on; both on the loop, as the exchange would.
type passage struct {
	from, to *wire.Conn
	begin    func(from, to *wire.Conn) (goOn func() error, err error)

	goOn  func() error
	woken chan struct{} // holds one
	ended chan error
	over  bool
}

// Wake implements wire.Handler.
func (p *passage) Wake(*wire.Conn) {
	if p.over || p.to == nil {
		return
	}
	var err error
	if p.goOn == nil {
		p.goOn, err = p.begin(p.from, p.to)
	}
	if err == nil {
		err = p.goOn()
	}
	if !errors.Is(err, wire.ErrWait) {
		p.over = true
		p.to.Close()
		p.from.Abort(true)
		p.ended <- err
		close(p.woken)
		return
	}
	select {
	case p.woken <- struct{}{}:
	default:
	}
}

// carry sends the pieces, each after the one before has been taken, and returns
// what arrived and the verdict.
func (s *stage) carry(t *testing.T, pieces [][]byte, begin func(from, to *wire.Conn) (func() error, error)) (arrived []byte, verdict error) {
	t.Helper()
	fromNear, source := s.pair(t)
	toNear, sink := s.pair(t)
	defer source.Close() //nolint:errcheck // it may be reset
	defer sink.Close()   //nolint:errcheck // it resets
	p := &passage{begin: begin, woken: make(chan struct{}, 1), ended: make(chan error, 1)}
	var err error
	s.loop.Do(func() {
		from, errFrom := s.loop.Adopt(wire.SocketOf(fromNear), nil, p, patience)
		to, errTo := s.loop.Adopt(wire.SocketOf(toNear), nil, p, patience)
		p.from, p.to, err = from, to, errors.Join(errFrom, errTo)
		p.Wake(nil)
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, piece := range pieces {
		<-p.woken
		if _, err := source.Write(piece); err != nil {
			break // the verdict has come
		}
	}
	_ = source.CloseWrite()
	arrived, err = io.ReadAll(sink)
	if err != nil {
		t.Fatalf("read what arrives: %v", err)
	}
	return arrived, <-p.ended
}

// cutUp cuts p into pieces: each byte of cuts is the length of one; the last has
// the rest. Nothing is cut where cuts is empty.
func cutUp(p, cuts []byte) (pieces [][]byte) {
	for _, c := range cuts {
		n := min(int(c), len(p))
		if n == 0 || len(pieces) == 64 {
			break
		}
		pieces, p = append(pieces, p[:n]), p[n:]
	}
	if len(p) > 0 {
		pieces = append(pieces, p)
	}
	return pieces
}

// bodyPhrases are what a fuzzer would have to find byte by byte.
var bodyPhrases = []string{
	"5\r\nhello\r\n", "0\r\n\r\n", "0\r\n", "\r\n", "\r\n\r\n", "X-Sum: 7\r\n", "Api-Key: feed\r\n", "00000", "a;b=c\r\n0123456789\r\n", "1 \r\nx\r\n", ";", "\n", "\r",
	"HTTP/1.1 200 OK\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "Content-Length: 5\r\n", " folded\r\n", "\x00", "0;x\r\n", "FFFFFFFFFFFFFFFF", "data: [DONE]\n\n",
}

func fromDraft(draft []byte) (body []byte) {
	for _, c := range draft {
		if c < 0x80 {
			body = append(body, c)
		} else {
			body = append(body, bodyPhrases[int(c&0x7f)%len(bodyPhrases)]...)
		}
	}
	return body[:min(len(body), 8<<10)]
}

// wellFormed writes data in chunks, with something behind them.
func wellFormed(data, cuts []byte) []byte {
	var body bytes.Buffer
	for _, piece := range cutUp(data, cuts) {
		fmt.Fprintf(&body, "%x\r\n%s\r\n", len(piece), piece)
	}
	body.WriteString("0\r\n")
	if len(cuts)%2 == 1 {
		body.WriteString("X-Sum: 7\r\n")
	}
	body.WriteString("\r\nHTTP/1.1 ")
	return body.Bytes()
}

func dropKey(name []byte) bool { return strings.EqualFold(string(name), "api-key") }

// readByNetHTTP reads a message with the body, and returns its data, its trailers
// and how long the body is.
func readByNetHTTP(body []byte, length int64) (data []byte, trailer http.Header, size int, err error) {
	head := "HTTP/1.1 200 OK\r\n"
	switch {
	case length == Chunked:
		head += "Transfer-Encoding: chunked\r\n"
	case length >= 0:
		head += fmt.Sprintf("Content-Length: %d\r\n", length)
	}
	// One whose buffer is small would refuse long trailers.
	in := bufio.NewReaderSize(io.MultiReader(strings.NewReader(head+"\r\n"), bytes.NewReader(body)), 64<<10)
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		return nil, nil, 0, err
	}
	defer resp.Body.Close() //nolint:errcheck // it reads from memory
	data, err = io.ReadAll(resp.Body)
	rest, _ := io.ReadAll(in)
	return data, resp.Trailer, len(body) - len(rest), err
}

// FuzzDown holds for every response body and every way to cut it into pieces:
// what the client gets is byte for byte what the upstream has sent, up to the
// byte at which net/http finds the end; the verdict does not depend on the
// pieces; what is refused or cut does not look complete to net/http; and what is
// whole and well-formed passes.
func FuzzDown(f *testing.F) {
	f.Add([]byte("5\r\nhello\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"), []byte{3, 1, 1, 4, 1, 1, 1}, byte(0))
	f.Add([]byte("5;a=b\r\nhello\r\n0\r\nX-Sum: 7\r\nApi-Key: feed\r\n\r\n"), []byte{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, byte(0))
	f.Add([]byte("5\r\nhello\r\n0\r\n"), []byte{12}, byte(1))
	f.Add([]byte("5\r\nhello\r\n0\r\nX-Sum: 7\r\n"), []byte{12, 1, 1}, byte(0))
	f.Add([]byte("helloEXTRA"), []byte{2, 2}, byte(2))
	f.Add([]byte("hello"), []byte{1}, byte(3))
	f.Add([]byte("hello"), []byte{1, 2, 1}, byte(4))
	f.Add([]byte("hello"), []byte{1, 2}, byte(5))
	s := newStage(f)
	f.Fuzz(func(t *testing.T, draft, cuts []byte, kind byte) {
		body := fromDraft(draft)
		length := []int64{Chunked, Chunked, 5, UntilClose}[kind%4]
		dechunk := kind%4 == 1
		whole := length == UntilClose || length > 0 && int64(len(body)) >= length
		if kind&4 != 0 && length == Chunked {
			body, whole = wellFormed(body, cuts), true
		}
		down := func(pieces [][]byte) ([]byte, *Down, error) {
			d := &Down{Dechunk: dechunk, DropTrailer: dropKey}
			d.Track.Begin(length, nil)
			arrived, err := s.carry(t, pieces, func(from, to *wire.Conn) (func() error, error) {
				d.From, d.To = from, to
				return d.Go, nil
			})
			return arrived, d, err
		}
		got, d, err := down(cutUp(body, cuts))
		atOnce, dAtOnce, errAtOnce := down(cutUp(body, nil))
		if (err == nil) != (errAtOnce == nil) || err == nil && (!bytes.Equal(got, atOnce) || d.Bytes != dAtOnce.Bytes) {
			t.Fatalf("%q in pieces of %v: %q, %v; at once %q, %v", body, cuts, got, err, atOnce, errAtOnce)
		}
		if whole && err != nil {
			t.Fatalf("%q is whole and well-formed, but: %v", body, err)
		}
		if problem := judge(body, got, length, dechunk, err); problem != "" {
			t.Fatalf("%q arrived as %q, %v: %s", body, got, err, problem)
		}
		if err == nil && d.Bytes != int64(len(got)) {
			t.Fatalf("%q: %d bytes arrived, %d are counted", body, len(got), d.Bytes)
		}
	})
}

// judge says what is wrong with what arrived of body, or nothing.
func judge(body, got []byte, length int64, dechunk bool, verdict error) string {
	data, trailer, size, err := readByNetHTTP(body, length)
	switch {
	case verdict == nil && err != nil:
		return fmt.Sprintf("net/http refuses it: %v", err)
	case dechunk && verdict == nil && !bytes.Equal(got, data):
		return fmt.Sprintf("the data is %q", data)
	case dechunk:
		return "" // the reset of the connection is what says that it is cut
	}
	trailer.Del("Api-Key")
	again, trailerAgain, sizeAgain, errAgain := readByNetHTTP(got, length)
	dropped := bytes.Contains(bytes.ToLower(body), []byte("api-key"))
	switch {
	case verdict != nil && !dropped && !bytes.HasPrefix(body, got):
		return "other bytes than were sent"
	case verdict != nil && (errAgain == nil || length == Chunked && endsForTheHasty(got)):
		return "it looks complete"
	case verdict != nil:
		return ""
	case errAgain != nil || sizeAgain != len(got) || !bytes.Equal(again, data) || fmt.Sprint(trailer) != fmt.Sprint(trailerAgain):
		return fmt.Sprintf("it reads as %q with trailers %v, %v, want %q with %v", again, trailerAgain, errAgain, data, trailer)
	case !dropped && !bytes.Equal(got, body[:size]):
		return fmt.Sprintf("net/http finds the end at byte %d", size)
	}
	return ""
}

// endsForTheHasty reports whether a reader that takes the last chunk for the end,
// without what follows it, finds one.
func endsForTheHasty(body []byte) bool {
	_, err := io.ReadAll(httputil.NewChunkedReader(bytes.NewReader(body)))
	return err == nil
}

// FuzzUp is FuzzDown for request bodies, whose framing is judged more strictly.
// What comes behind the body stays for the next request.
func FuzzUp(f *testing.F) {
	f.Add([]byte("5\r\nhello\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n"), []byte{3, 1, 1, 4, 1, 1, 1}, true)
	f.Add([]byte("5;a=b\r\nhello\r\n0\r\nX-Sum: 7\r\nApi-Key: feed\r\n\r\n"), []byte{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, true)
	f.Add([]byte("5 \r\nhello\r\n0\r\n\r\n"), []byte{12}, true)
	f.Add([]byte("helloGET"), []byte{2, 2}, false)
	s := newStage(f)
	f.Fuzz(func(t *testing.T, draft, cuts []byte, chunked bool) {
		body := fromDraft(draft)
		length, whole := int64(5), len(body) >= 5 && !chunked
		if chunked {
			length = Chunked
		}
		if chunked && len(draft)%2 == 0 {
			body, whole = wellFormed(body, cuts), true
		}
		up := func(pieces [][]byte) (arrived, left []byte, err error) {
			u := &Up{DropTrailer: dropKey}
			u.Track.Begin(length, nil)
			u.Track.Strict()
			var in *wire.Buf
			arrived, err = s.carry(t, pieces, func(from, to *wire.Conn) (func() error, error) {
				u.From, u.To = from, to
				return func() error { return u.Go(&in) }, nil
			})
			left = bytes.Clone(in.Bytes())
			s.loop.Do(in.Release)
			return arrived, left, err
		}
		got, left, err := up(cutUp(body, cuts))
		atOnce, _, errAtOnce := up(cutUp(body, nil))
		if (err == nil) != (errAtOnce == nil) || err == nil && !bytes.Equal(got, atOnce) {
			t.Fatalf("%q in pieces of %v: %q, %v; at once %q, %v", body, cuts, got, err, atOnce, errAtOnce)
		}
		if whole && err != nil {
			t.Fatalf("%q is whole and well-formed, but: %v", body, err)
		}
		if problem := judge(body, got, length, false, err); problem != "" {
			t.Fatalf("%q arrived as %q, %v: %s", body, got, err, problem)
		}
		if _, _, size, _ := readByNetHTTP(body, length); err == nil && !bytes.HasPrefix(body[size:], left) {
			t.Fatalf("%q: what is left behind byte %d is %q", body, size, left)
		}
	})
}
