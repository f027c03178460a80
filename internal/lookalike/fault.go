package lookalike

import (
	"fmt"
	"math"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// fault is a way to go wrong. A request asks for one by the field
// x-lookalike-fault or by using its name as the model.
type fault string

const (
	noFault fault = ""
	// cutChunked closes the connection in the middle of a chunked body, after
	// a whole chunk; under TLS with close_notify.
	cutChunked fault = "cut-chunked"
	// cutLength closes it in the middle of a body of fixed length.
	cutLength fault = "cut-length"
	// cutClose resets it in the middle of a body that the close would end: by
	// FIN such a body would be complete.
	cutClose fault = "cut-close"
	// noDone ends a stream in the middle, but properly: no finish event, no
	// [DONE], a last chunk.
	noDone fault = "no-done"
	// tooMany is the service's 429.
	tooMany fault = "429"
	// serverError is the service's 500.
	serverError fault = "500"
	// serviceUnauthorizedFault is the service's own 401, behind a key that APIM took.
	serviceUnauthorizedFault fault = "backend-401"
	// slowHead answers after Options.HeadDelay.
	slowHead fault = "slow-head"
	// hang never answers.
	hang fault = "hang"
)

var faults = []fault{
	cutChunked, cutLength, cutClose, noDone, tooMany, serverError,
	serviceUnauthorizedFault, slowHead, hang,
}

func (f fault) delaysHead() bool { return f == slowHead || f == hang }

func (f fault) headDelay(opt Options) time.Duration {
	if f == hang {
		return math.MaxInt64
	}
	return opt.HeadDelay
}

func (f fault) cuts() bool { return f == cutChunked || f == cutLength || f == cutClose }

// underFault turns a good answer into the one that was asked for.
func (x *exchange) underFault(a answer) answer {
	f := faultOf(x.model)
	if asked := x.r.Header.Get("x-lookalike-fault"); asked != "" {
		f = fault(asked)
	}
	switch {
	case f == noFault:
		return a
	case !slices.Contains(faults, f):
		return invalidRequest(fmt.Sprintf("x-lookalike-fault: no fault named %q; there are %v", f, faults))
	case f == tooMany:
		return serviceTooMany()
	case f == serverError:
		return serviceError(http.StatusInternalServerError, "The server had an error while processing your request.")
	case f == serviceUnauthorizedFault:
		return serviceUnauthorized()
	case f == noDone:
		half := firstHalf(a)
		a.frames = func(yield func([]byte) bool) {
			for _, frame := range half {
				if !yield(frame) {
					return
				}
			}
		}
	}
	a.fault = f
	return a
}

// faultOf is the fault that a model's name asks for.
func faultOf(model string) fault {
	if f := fault(model); slices.Contains(faults, f) {
		return f
	}
	return noFault
}

// serviceTooMany has two hints that differ, so that one sees which a client
// followed: retry-after-ms wins in the OpenAI SDKs.
func serviceTooMany() answer {
	a := serviceError(http.StatusTooManyRequests, tokenRate)
	a.fields = [][2]string{
		{"retry-after", "1"},
		{"retry-after-ms", "700"},
		{"x-ratelimit-remaining-tokens", "0"},
		{"x-ratelimit-reset-requests", "1"},
		{"x-ratelimit-reset-tokens", "1"},
	}
	return a
}

// firstHalf returns the frames before a cut: half the events, or half the
// bytes of a body that has one frame.
func firstHalf(a answer) [][]byte {
	var all [][]byte
	for frame := range a.frames {
		all = append(all, frame)
	}
	if len(all) == 1 {
		return [][]byte{all[0][:len(all[0])/2]}
	}
	return all[:len(all)/2]
}

// sendCut sends half of the answer and breaks off.
func (x *exchange) sendCut(a answer) {
	half := answer{status: a.status, stream: true, pause: a.pause}
	if half.pause == nil {
		half.pause = func(int) time.Duration { return 0 }
	}
	parts := firstHalf(a)
	half.frames = slices.Values(parts)
	switch a.fault {
	case cutLength:
		x.w.Header().Set("Content-Length", strconv.Itoa(len(joined(a))))
	case cutClose:
		x.sendReset(a, parts)
		return
	}
	x.sendStream(half)
	panic(http.ErrAbortHandler)
}

// sendReset writes a body that only the close would end, and resets instead.
// net/http would frame the body, so it is written by hand.
func (x *exchange) sendReset(a answer, parts [][]byte) {
	conn, _, err := http.NewResponseController(x.w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer conn.Close()
	var out strings.Builder
	fmt.Fprintf(&out, "HTTP/1.1 %d %s\r\nConnection: close\r\n", a.status, http.StatusText(a.status))
	_ = x.w.Header().Write(&out)
	out.WriteString("\r\n")
	for _, part := range parts {
		out.Write(part)
	}
	_, _ = conn.Write([]byte(out.String())) // the peer may be gone: so be it
	if tcp := tcpOf(conn); tcp != nil {
		_ = tcp.SetLinger(0) // makes Close send RST instead of FIN
		_ = tcp.Close()
	}
}

// tcpOf finds the socket under the layers of TLS and recording.
func tcpOf(conn net.Conn) *net.TCPConn {
	for {
		switch c := conn.(type) {
		case *net.TCPConn:
			return c
		case interface{ NetConn() net.Conn }:
			conn = c.NetConn()
		default:
			return nil
		}
	}
}
