package head

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// FuzzResponseHead holds for every head that an upstream can send and that is
// accepted: what the client is sent for it is exactly one message to net/http,
// of the same status, with the end-to-end fields in their order and spelling,
// framed as the edge has decided; nothing of the connection's own passes; and the
// CORS fields are the edge's alone where the route has a policy.
func FuzzResponseHead(f *testing.F) {
	for i, seed := range []string{
		"HTTP/1.1 200 OK\nContent-Type: text/event-stream\nTransfer-Encoding: chunked\nX-RateLimit-Remaining-Tokens: 7\n\n",
		"HTTP/1.1 200\nContent-Length: 5\nVary: Accept , origin\nAccess-Control-Allow-Origin: *\nSet-Cookie: a\nSet-Cookie: b\n\n",
		"HTTP/1.0 404 Not Here\nConnection: close, x-hop\nX-Hop: 1\nKeep-Alive: timeout=5\n\n",
		"HTTP/1.1 304 Not Modified\nContent-Length: 5\nX-Apim-Edge-Error: forged\nETag: \"x\"\n\n",
		"HTTP/1.1 103 Early Hints\nLink: </a>\nTransfer-Encoding: chunked\n\n",
		"HTTP/1.1 101 Switching Protocols\nConnection: upgrade\nUpgrade: websocket\nSec-WebSocket-Accept: x\n\n",
		"HTTP/1.1 200 OK\nContent-Length: 5\nContent_Length: 7\nx_apim_edge_error: forged\nx_request_id: 7\nConnection: x_request_id, x-real-ip\nX-Real-IP: 1\naccess_control_allow_origin: *\n\n",
		"HTTP/1.1 426 Upgrade Required\nUpgrade: HTTP/3.0\nUpgrade: websocket\nContent-Length: 0\n\n",
		"HTTP/1.1 204 No Content\nContent-Length: 0\nDate: x\nConnection: date\n\n",
		"HTTP/1.1 200 OK\nTrailer: X-Sum\nTransfer-Encoding: chunked\nopenai-model: \t x \t\n\n",
		"HTTP/1.1 200 OK\nTrailer: Content-Length, X-Sum\nTransfer-Encoding: chunked\n\n",
	} {
		f.Add(crlf(seed), byte(i), byte(i*37))
	}
	f.Fuzz(func(t *testing.T, draft []byte, which, flags byte) {
		head := fromDraft(draft)
		if err := atOnce(head, draft); err != nil {
			t.Errorf("%q: %v", head, err)
		}
		if err := checkResponseHead(newTrial(which, false), head, flags); err != nil {
			t.Errorf("route %d, flags %08b, head %q: %v", int(which)%len(sides), flags, head, err)
		}
	})
}

func checkResponseHead(x *trial, head []byte, flags byte) error {
	x.traits = Traits{Head: flags&1 != 0, HTTP10: flags&2 != 0, Websocket: flags&4 != 0}
	x.closes = flags&8 != 0
	if flags&16 != 0 {
		x.origin = []byte(pageOrigin)
	}
	first, sent, err := readStrictly(head)
	accepted := x.resp.Parse(head) == nil
	switch {
	case !accepted:
		return nil
	case err != nil:
		return fmt.Errorf("accepted, but %w", err)
	case x.resp.Status == 101 && !(x.traits.Websocket && x.resp.Switch):
		return nil // takeHead refuses it
	}
	x.resp.Settle(x.traits.Head)
	interim := x.resp.Status < 200 && x.resp.Status != 101
	var out []byte
	if interim {
		out = x.relayInterim(nil)
	} else {
		out = x.relay(nil)
	}
	if err := x.sameMessage(out); err != nil {
		return fmt.Errorf("%w: sent %q", err, out)
	}
	gotFirst, got, err := readStrictly(out)
	if err != nil {
		return fmt.Errorf("%w: sent %q", err, out)
	}
	if gotFirst[9:] != first[9:] {
		return fmt.Errorf("status line %q", gotFirst)
	}
	return x.sameFields(sent, got, interim)
}

// sameMessage has net/http read the head with a body as the edge has framed it,
// and what follows.
func (x *trial) sameMessage(out []byte) error {
	const text, next = "hello", "HTTP/1.1 299 next\r\n\r\n"
	body, want, closes := "", "", false
	switch length := x.resp.Length; {
	case x.resp.Status == 101: // a tunnel: no body, and what follows is no message
	case length == Chunked && x.dechunk, length == UntilClose:
		body, want, closes = text, text, true
	case length == Chunked:
		body, want = "5\r\nhello\r\n0\r\n\r\n", text
	case length > 1<<10:
		return nil
	default:
		body = strings.Repeat("x", int(length))
		want = body
	}
	if !closes {
		body += next
	}
	method := map[bool]string{true: "HEAD", false: "POST"}[x.traits.Head]
	in := bufio.NewReader(strings.NewReader(string(out) + body))
	resp, err := http.ReadResponse(in, &http.Request{Method: method})
	if err != nil && strings.Contains(err.Error(), "bad trailer key") {
		return nil // upstream announces what no trailer can be; to its face net/http says the same
	}
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // it reads from memory
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return nil
	}
	got, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != x.resp.Status || string(got) != want {
		return fmt.Errorf("status %d and body %q (%w), want %d and %q", resp.StatusCode, got, err, x.resp.Status, want)
	}
	rest, _ := io.ReadAll(in)
	if !closes && string(rest) != next {
		return fmt.Errorf("behind the message stands %q", rest)
	}
	return nil
}

// sameFields compares what the upstream has sent with what the client gets.
func (x *trial) sameFields(sent, got [][2]string, interim bool) error {
	policy := x.cors != nil
	var want, rest [][2]string
	for _, f := range sent {
		name := strings.ToLower(f[0])
		switch {
		case slices.Contains([]string{"connection", "keep-alive", "proxy-connection", "te", "proxy-authenticate", "proxy-authorization", "http2-settings"}, name),
			name == "upgrade" && x.resp.Status != 426,

			strings.HasPrefix(name, "x-apim-edge-") && name != "x-apim-edge-",
			name == "transfer-encoding" && x.dechunk,
			(name == "transfer-encoding" || name == "content-length") && (x.resp.Status < 200 || x.resp.Status == 204),
			slices.Contains(strings.Fields("content-length transfer-encoding keep-alive proxy-connection proxy-authenticate proxy-authorization http2-settings x-apim-edge-"), forged(name)),
			policy && (name == "vary" || regexp.MustCompile("^access[^a-z0-9]control[^a-z0-9]").MatchString(name)),
			!meaningful[name] && nominated(sent, name):
		default:
			want = append(want, f)
		}
	}
	count := map[string]int{}
	for _, f := range got {
		name := strings.ToLower(f[0])
		count[name]++
		if policy && (name == "vary" || strings.HasPrefix(name, "access-control-")) || name == "connection" || x.resp.Status == 101 && name == "upgrade" {
			continue
		}
		rest = append(rest, f)
	}
	if !slices.Equal(rest, want) {
		return fmt.Errorf("fields %q, want %q", rest, want)
	}
	closes := slices.Contains(valuesOf(got, "Connection"), "close")
	switch {
	case interim:
		if count["connection"] > 0 {
			return fmt.Errorf("an interim head with Connection")
		}
		return nil
	case policy && (count["vary"] != 1 || count["access-control-allow-origin"] > 1):
		return fmt.Errorf("%d Vary, %d Access-Control-Allow-Origin", count["vary"], count["access-control-allow-origin"])
	case policy && x.origin != nil && count["access-control-allow-origin"] != 1:
		return fmt.Errorf("no Access-Control-Allow-Origin for an origin that is allowed")
	case x.resp.Status != 101 && closes != x.closes, !closes && (x.resp.Length == UntilClose || x.dechunk) && x.resp.Status != 101:
		return fmt.Errorf("the connection ends: %v, but Connection says %q", x.closes, valuesOf(got, "Connection"))
	}
	return sameToNetHTTP(got)
}

// sameToNetHTTP holds that every field has to net/http the values that it has to
// the strict reading.
func sameToNetHTTP(fields [][2]string) error {
	var lines bytes.Buffer
	for _, f := range fields {
		fmt.Fprintf(&lines, "%s: %s\r\n", f[0], f[1])
	}
	read, err := textproto.NewReader(bufio.NewReader(io.MultiReader(&lines, strings.NewReader("\r\n")))).ReadMIMEHeader()
	if err != nil {
		return err
	}
	for _, f := range fields {
		if got, want := read[textproto.CanonicalMIMEHeaderKey(f[0])], valuesOf(fields, f[0]); !slices.Equal(got, want) {
			return fmt.Errorf("%s: net/http reads %q of %q", f[0], got, want)
		}
	}
	return nil
}
