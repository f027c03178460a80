//go:build e2e

package faults

import (
	"bufio"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// upstreamRole makes this test binary the upstream, listening on the address in
// the variable, so that it can be stopped and killed like any other process.
const (
	upstreamRole = "FAULTS_UPSTREAM"
	upstreamCert = "FAULTS_UPSTREAM_CERT" // the files of its certificate; unset: plain
	upstreamKey  = "FAULTS_UPSTREAM_KEY"
)

// The moods of the upstream, told on its standard input. But for calm, every
// second exchange suffers.
const (
	moodCalm     = "calm"
	moodLoyal    = "loyal"    // calm, and no idle connection is closed
	moodSlow     = "slow"     // pauses within an answer
	moodTruncate = "truncate" // ends an answer before its end
	moodGarbage  = "garbage"  // answers what is no HTTP
	moodClose    = "close"    // ends the connection instead of an answer
)

// player is the upstream. It tells on its standard output, a line at a time, what
// arrives and how it ends: what was told before a SIGKILL is not lost.
type player struct {
	mood atomic.Value // string
	out  sync.Mutex
}

func actUpstream(address string) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		panic(err)
	}
	if cert := os.Getenv(upstreamCert); cert != "" {
		pair, err := tls.LoadX509KeyPair(cert, os.Getenv(upstreamKey))
		if err != nil {
			panic(err)
		}
		l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{pair}})
	}
	p := &player{}
	p.mood.Store(moodCalm)
	p.tell("ready", "", "")
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				panic(err)
			}
			go p.serve(conn)
		}
	}()
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		p.mood.Store(in.Text())
	}
	os.Exit(0) // the test has gone
}

func (p *player) tell(what, nonce, more string) {
	p.out.Lock()
	defer p.out.Unlock()
	_, _ = os.Stdout.WriteString(what + " " + nonce + " " + more + "\n")
}

func (p *player) serve(conn net.Conn) {
	p.tell("open", "", "")
	defer p.tell("closed", "", "")
	defer conn.Close()
	in := bufio.NewReaderSize(conn, 16<<10)
	for {
		request, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		a := &act{player: p, conn: conn, in: in, request: request, nonce: request.Header.Get("X-Request-Id")}
		p.tell("arrived", a.nonce, credentialsOf(request.Header)+" "+request.URL.RawQuery)
		end := a.play()
		p.tell("ended", a.nonce, end)
		if end != "done" {
			return
		}
	}
}

// credentialsOf writes down what came in the places for credentials.
func credentialsOf(h http.Header) string {
	return strings.Join(h.Values("Api-Key"), ",") + "|" + strings.Join(h.Values("Authorization"), ",") +
		"|" + strings.Join(h.Values("Ocp-Apim-Subscription-Key"), ",")
}

// act is one exchange at the upstream.
type act struct {
	*player
	conn    net.Conn
	in      *bufio.Reader
	request *http.Request
	nonce   string
	work    string
	size    int
}

// play answers, and tells how it ended: done, left (by the edge) or cut (by the
// upstream's own fault).
func (a *act) play() string {
	if _, err := fmt.Sscan(a.request.Header.Get("X-Work"), &a.work, &a.size); err != nil {
		return "cut: no work"
	}
	mood := a.mood.Load().(string)
	if rand.IntN(2) == 0 {
		mood = moodCalm
	}
	if a.work == workEarly {
		end := a.answer(mood, "early")
		if _, err := io.Copy(io.Discard, a.request.Body); err != nil && end == "done" {
			return "left"
		}
		return end
	}
	if a.request.Header.Get("Expect") != "" {
		_, _ = io.WriteString(a.conn, "HTTP/1.1 100 Continue\r\n\r\n")
	}
	sum := sha256.New()
	n, err := io.Copy(sum, a.request.Body)
	if err != nil {
		return "left"
	}
	return a.answer(mood, fmt.Sprintf("%d-%x", n, sum.Sum(nil)))
}

func (a *act) answer(mood, body string) string {
	switch {
	case a.work == workFlood, a.work == workTorrent:
		return a.flood()
	case mood == moodClose:
		return a.cut()
	case mood == moodGarbage && rand.IntN(2) == 0:
		return a.garbage()
	}
	pieces := a.pieces(body, mood == moodGarbage)
	if mood == moodTruncate {
		pieces = truncate(pieces)
	}
	for _, piece := range pieces {
		if mood == moodSlow {
			<-time.After(time.Duration(rand.IntN(50)) * time.Millisecond)
		} else if a.work == workStream {
			<-time.After(time.Duration(rand.IntN(4)) * time.Millisecond)
		}
		if _, err := a.conn.Write(piece); err != nil {
			return "left"
		}
	}
	switch {
	case mood == moodTruncate, mood == moodGarbage:
		return a.cut()
	case a.work == workHold, a.work == workSilent:
		return a.untilEnd()
	case rand.IntN(20) == 0 && a.mood.Load() != moodLoyal:
		return "done, and closes" // while the connection is idle
	}
	return "done"
}

// flood sends as much as the edge takes.
func (a *act) flood() string {
	piece, head, end := block, fmt.Sprintf("Content-Length: %d\r\n\r\n", a.size<<20), ""
	if a.work == workTorrent {
		piece, head, end = chunk(block), "Transfer-Encoding: chunked\r\n\r\n", "0\r\n\r\n"
	}
	_, _ = io.WriteString(a.conn, "HTTP/1.1 200 OK\r\n"+head)
	for range a.size << 20 / len(block) {
		if _, err := a.conn.Write(piece); err != nil {
			return "left"
		}
	}
	_, _ = io.WriteString(a.conn, end)
	return "done"
}

// pieces is the answer, as it is going to be written; with a fault in the chunks
// of a stream, if it has some.
func (a *act) pieces(body string, broken bool) [][]byte {
	head := fmt.Sprintf("HTTP/1.1 200 OK\r\nX-Nonce: %s\r\nX-Body: %s\r\n", a.nonce, body)
	content := contentOf(a.nonce, a.work, a.size)
	switch a.work {
	case workSilent:
		return nil
	case workNothing:
		return [][]byte{[]byte(strings.Replace(head, "200 OK", "204 No Content", 1) + "\r\n")}
	case workHead:
		return [][]byte{[]byte(head + "Content-Length: 4711\r\n\r\n")}
	case workFixed, workEarly:
		return [][]byte{fmt.Appendf(nil, "%sContent-Length: %d\r\n\r\n%s", head, len(content), content)}
	}
	head += "Transfer-Encoding: chunked\r\n"
	pieces := [][]byte{nil}
	if a.work == workChunked {
		at := rand.IntN(len(content)-1) + 1
		pieces = append(pieces, chunk(content[:at]), chunk(content[at:]))
	} else {
		head += "Content-Type: text/event-stream\r\n"
		for _, event := range eventsOf(a.nonce, a.size) {
			pieces = append(pieces, chunk(event))
		}
	}
	pieces[0] = []byte(head + "\r\n")
	switch {
	case a.work == workHold:
		return pieces[:rand.IntN(len(pieces)-1)+1]
	case broken:
		at := rand.IntN(len(pieces)-1) + 1
		return append(pieces[:at:at], []byte("no number\r\n"))
	}
	return append(pieces, []byte("0\r\n\r\n"))
}

// truncate takes the end away, at least a byte.
func truncate(pieces [][]byte) [][]byte {
	total := 0
	for _, p := range pieces {
		total += len(p)
	}
	if total == 0 {
		return nil
	}
	left := rand.IntN(total)
	for i, p := range pieces {
		if left < len(p) {
			return append(pieces[:i:i], p[:left])
		}
		left -= len(p)
	}
	return pieces
}

var nonsense = []string{
	"nonsense\r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
	"HTTP/1.1 200 OK\r\nX: a\x00b\r\nContent-Length: 0\r\n\r\n",
	"HTTP/1.1 2000 OK\r\n\r\n",
	strings.Repeat("\x16\x03\x01\x02\x00", 20000),
}

func (a *act) garbage() string {
	_, _ = io.WriteString(a.conn, nonsense[rand.IntN(len(nonsense))])
	return a.cut()
}

// cut ends the connection, by FIN or by a reset.
func (a *act) cut() string {
	conn := a.conn
	if secured, ok := conn.(*tls.Conn); ok {
		conn = secured.NetConn() // without close_notify
	}
	if rand.IntN(2) == 0 {
		_ = conn.(*net.TCPConn).SetLinger(0)
	}
	_ = conn.Close()
	return "cut"
}

// untilEnd waits for the edge to end the connection: nothing else ends this.
func (a *act) untilEnd() string {
	if _, err := a.in.ReadByte(); err == nil {
		return "cut: bytes behind the request"
	}
	return "left"
}
