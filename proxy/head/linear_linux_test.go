package head

import (
	"bytes"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// What a head may cost: so many times what it takes to look at each of its bytes
// in a plain loop, and something for its fields and lines. The worst of what is
// known takes a third of it; what was quadratic took up to 6,000 times the loop.
const (
	mostPerByte = 100
	mostAtAll   = 500 * time.Microsecond
)

// worker does all that the edge does with heads, and keeps its room as a loop does.
type worker struct {
	x   *trial
	out []byte
}

func newWorker(which byte) *worker { return &worker{x: newTrial(which, true)} }

// request does what is done with the head of a request, up to where it is sent.
func (w *worker) request(head []byte) {
	x := w.x
	defer x.req.Clear()
	n := headEnd(head)
	if err := x.req.Parse(head[:n]); err != nil {
		w.out = append(w.out[:0], OriginOf(head)...)
		return
	}
	// As the log shows it.
	w.out = x.policy.AppendRedactedQuery(x.policy.AppendRedactedPath(w.out[:0], x.req.Path), x.req.Query)
	if x.req.IsPreflight() && x.cors != nil {
		w.out, _, _ = x.cors.Preflight(w.out[:0], x.req.Preflight())
		return
	}
	w.out, _ = x.forward(w.out[:0])
}

// response does what is done with the head of a response.
func (w *worker) response(head []byte) {
	x := w.x
	x.traits.Websocket, x.origin = true, []byte(pageOrigin)
	defer x.resp.Clear()
	n := headEnd(head)
	if x.resp.Parse(head[:n]) != nil {
		return
	}
	x.resp.Settle(x.traits.Head)
	if x.resp.Status < 200 && x.resp.Status != 101 {
		w.out = x.relayInterim(w.out[:0])
		return
	}
	w.out = x.relay(w.out[:0])
}

// check holds that work on head costs no more than it may. Time that others take
// on a busy machine is not counted; what it does to caches is, so that the least of
// a few runs decides.
func check(tb testing.TB, work func([]byte), head []byte) {
	tb.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var cost, most time.Duration
	for range 10 {
		loop := cpuTime(func() { sum = plainSum(head) })
		cost, most = cpuTime(func() { work(head) }), mostAtAll+mostPerByte*loop
		if cost <= most {
			return
		}
		if cost > 10*most {
			break // no neighbour is as bad as that
		}
	}
	tb.Errorf("a head of %d bytes costs %v of CPU, at most %v is allowed; it begins with %.100q", len(head), cost, most, head)
}

var sum byte

// plainSum looks at each byte, one after the other.
//
//go:noinline
func plainSum(p []byte) (sum byte) {
	for _, c := range p {
		sum = sum*31 + c
	}
	return sum
}

// cpuTime returns the CPU time that f takes on this thread.
func cpuTime(f func()) time.Duration {
	var from, to unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &from)
	f()
	_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &to)
	return time.Duration(to.Nano() - from.Nano())
}

// headSizes are the default of limits.head, what an upstream may send, and the
// largest limits.head.
var headSizes = []int{64 << 10, MaxResponse, 1 << 20}

func TestNoHeadCostsMoreThanItsBytes(t *testing.T) {
	up, down := newWorker(1), newWorker(1)
	for _, n := range headSizes {
		for _, h := range hostileRequests {
			t.Run("request/"+h.name, func(t *testing.T) { check(t, up.request, []byte(h.make(n))) })
		}
		if n > MaxResponse {
			continue
		}
		for _, h := range hostileResponses {
			t.Run("response/"+h.name, func(t *testing.T) { check(t, down.response, []byte(h.make(n))) })
		}
	}
}

// FuzzWorkOnHeads draws two parts of a head that are repeated: what is quadratic
// is nearly always one against itself or against another. Each half of 64 KiB is
// made of one; of lines, there are no more than a head may have.
func FuzzWorkOnHeads(f *testing.F) {
	for i, seed := range [][3]string{
		{"GET / HTTP/1.1\r\nHost: e\r\nConnection: a", ",", "\r\nX: 1"},
		{"GET / HTTP/1.1\r\nHost: e\r\nConnection: a", ",a", "\r\nX: 1"},
		{"GET /?", "a=", "&key="},
		{"OPTIONS / HTTP/1.1\r\nHost: e\r\nOrigin: " + pageOrigin + "\r\nAccess-Control-Request-Method: GET", "\r\nAccess-Control-Request-Headers: aaaaaaaaaaaa", ",a"},
		{"POST / HTTP/1.1\r\nHost: e\r\nTransfer-Encoding: chunked", "\r\nTrailer: a", ",a"},
		{"HTTP/1.1 200 OK\r\nConnection: a", ",", "\r\nX: 1"},
		{"HTTP/1.1 200 OK\r\nVary: nnnnnnnn", "nnnnnnnn", ",a"},
		{"HTTP/1.1 200 OK", "\r\nopenai-nnnnnnnnnnnn: 1", "\r\nVary: a"},
	} {
		f.Add([]byte(seed[0]), []byte(seed[1]), []byte(seed[2]), byte(i))
	}
	f.Fuzz(func(t *testing.T, start, one, other []byte, which byte) {
		const half = 32 << 10
		w := newWorker(which)
		head := append(repeated(drawn(start), 1), repeated(drawn(one), half)...)
		head = append(head, repeated(drawn(other), half)...)
		if bytes.HasPrefix(head, []byte("GET /?")) && !bytes.Contains(head, []byte(" HTTP/1.")) {
			head = append(head, " HTTP/1.1\r\nHost: e"...)
		}
		head = append(head, "\r\n\r\n"...)
		work := w.request
		if bytes.HasPrefix(head, []byte("HTTP/")) {
			work = w.response
		}
		check(t, work, head)
	})
}

// repeated returns p until it has size bytes or 240 lines.
func repeated(p []byte, size int) (out []byte) {
	lines := 0
	for len(p) > 0 && len(out) < size && lines < 240 {
		out = append(out, p...)
		lines += bytes.Count(p, []byte{'\n'})
	}
	return out
}
