package head

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// FuzzForwardedHead holds for every head of a client that is accepted: what the
// upstream is sent for it is exactly one message to net/http, of the same method,
// target and framing, with the end-to-end fields in their order and spelling;
// what the edge says stands there once and cannot be forged; nothing of the
// connection's own passes; and never two credentials of one kind.
func FuzzForwardedHead(f *testing.F) {
	for i, seed := range []string{
		"GET / HTTP/1.1\nHost: edge\nX-Apim-Edge-Decision: forged\nConnection: api-key, x-hop\nX-Hop: 1\nAuthorization: Bearer 0123abcd\n\n",
		"POST /v1?subscription-key=feed&a HTTP/1.1\nHost: edge:80\nContent-Length: 5\nOrigin: https://chat.example.com\nX-Forwarded-For: 1.2.3.4\n\n",
		"POST http://edge/v1/a%2Fb?api-key=x HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\nExpect: 100-continue\nTE: trailers\n\n",
		"GET /v1//x?subscription-key=k HTTP/1.0\napi-key: Bearer 0123abcd\nOcp-Apim-Subscription-Key: feed\n\n",
		"GET /v1 HTTP/1.1\nHost: [::1]:80\nConnection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Key: x\n\n",
		"OPTIONS * HTTP/1.1\nHost: edge\nX-Request-Id: mine\nForwarded: for=x\nX-Forwarded-Proto: https\nx-api-key: eyJhbGciOiJub25lIn0.e30.c2ln\n\n",
		"GET /x HTTP/1.1\nHost: edge\napi_key: forged\nx_forwarded.for: 1\nX-Forwarded-Port: 1\nX-Original-URL: /\nX_Apim_Edge_Key: 1\ntransfer_encoding: chunked\n\n",
		"GET /x HTTP/1.1\nHost: edge\nX-Request-Id: a\nx-request-id: a\nX_Request_Id: b\n\n",
		"GET /x HTTP/1.1\nHost: edge\nX-Request-Id: \nSec-WebSocket-Protocol: realtime, openai-insecure-api-key.k\nConnection: upgrade\nUpgrade: websocket\n\n",
		"POST /x HTTP/1.1\nHost: edge\nTrailer: Content-Length, X-Sum\nTransfer-Encoding: chunked\n\n",
	} {
		f.Add(crlf(seed), byte(i), i%2 == 0)
	}
	f.Fuzz(func(t *testing.T, draft []byte, which byte, trusted bool) {
		x := newTrial(which, trusted)
		head := fromDraft(draft)
		if x.req.Parse(head) != nil {
			return
		}
		out, ok := x.forward(nil)
		if !ok {
			return
		}
		if err := x.checkForwarded(head, out); err != nil {
			t.Errorf("%s, trusted %v, head %q: %v\nsent %q", x.name, trusted, head, err, out)
		}
	})
}

func (x *trial) checkForwarded(head, out []byte) error {
	first, sent, err := readStrictly(head)
	if err != nil {
		return fmt.Errorf("accepted, but %w", err)
	}
	_, got, err := readStrictly(out)
	if err != nil {
		return err
	}
	if err := x.oneRequest(out); err != nil {
		return err
	}
	method, _, _ := strings.Cut(first, " ")
	if !strings.HasPrefix(string(out), method+" ") {
		return fmt.Errorf("the method is not %s", method)
	}
	if err := x.sameEndToEnd(sent, got); err != nil {
		return err
	}
	if err := x.ownFields(got); err != nil {
		return err
	}
	return x.oneOfEachKind(got)
}

// oneRequest has net/http read the head, a body as the edge has framed it, and
// what follows.
func (x *trial) oneRequest(out []byte) error {
	const next = "GET /next HTTP/1.1\r\n\r\n"
	body, want := "", ""
	switch n := x.req.Length; {
	case n == Chunked:
		body, want = "5\r\nhello\r\n0\r\n\r\n", "hello"
	case n > 1<<10:
		return nil
	default:
		body = strings.Repeat("x", int(n))
		want = body
	}
	in := bufio.NewReader(strings.NewReader(string(out) + body + next))
	r, err := http.ReadRequest(in)
	if err != nil {
		return err
	}
	got, err := io.ReadAll(r.Body)
	if err != nil || string(got) != want {
		return fmt.Errorf("body %q (%w), want %q", got, err, want)
	}
	if rest, _ := io.ReadAll(in); string(rest) != next {
		return fmt.Errorf("behind the message stands %q", rest)
	}
	return x.sameTarget(r)
}

// sameTarget holds that path and query are the client's, save what the route
// takes off and puts on.
func (x *trial) sameTarget(r *http.Request) error {
	path, query, _ := strings.Cut(r.RequestURI, "?")
	want := string(x.req.Path)
	if rest, ok := strings.CutPrefix(want, "/v1"); ok && x.strip != "" && (rest == "" || rest[0] == '/') {
		want = rest
	}
	if x.prefix != "" && want != "*" {
		want = "/openai/" + strings.TrimPrefix(want, "/")
		if strings.HasPrefix(string(x.req.Path), "/v1//") || strings.HasPrefix(string(x.req.Path), "//") {
			want = "/openai" + strings.TrimPrefix(string(x.req.Path), "/v1")
		}
	}
	if path != want {
		return fmt.Errorf("path %q, want %q", path, want)
	}
	var kept []string
	for parameter := range strings.SplitSeq(string(x.req.Query), "&") {
		name, _, _ := strings.Cut(parameter, "=")
		if plain, err := url.PathUnescape(name); err != nil || !x.governsQuery(plain) {
			kept = append(kept, parameter)
		}
	}
	if x.parameters != nil && want != "*" {
		if strings.Join(kept, "") == "" && len(kept) < 2 {
			kept = nil // nothing stands in front of what is set
		}
		kept = append(kept, "v=a%20b")
	}
	if query != strings.Join(kept, "&") {
		return fmt.Errorf("query %q, want %q", query, strings.Join(kept, "&"))
	}
	return nil
}

func (x *trial) governsQuery(name string) bool {
	return x.parameters != nil && (strings.EqualFold(name, "a") || strings.EqualFold(name, "v")) || strings.EqualFold(name, "subscription-key") || (x.strip != "" || x.own != "" && !x.keeps) && strings.EqualFold(name, "api-key")
}

// sameEndToEnd compares the fields that are neither the edge's, nor credentials,
// nor of the connection.
func (x *trial) sameEndToEnd(sent, got [][2]string) error {
	trusted := x.trusted
	ended := func(name string) bool {
		return forged(name) != "" || strings.HasPrefix(name, "x-forwarded-") && name != "x-forwarded-" && !trusted ||
			slices.Contains(strings.Fields(saidByProxies), name) && !trusted || x.governs(name) || strings.HasPrefix(name, "x-apim-edge-") && name != "x-apim-edge-" ||
			slices.Contains([]string{"host", "connection", "upgrade", "keep-alive", "proxy-connection", "te", "proxy-authenticate", "proxy-authorization",
				"http2-settings", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "forwarded"}, name)
	}
	var want, have [][2]string
	for _, f := range sent {
		name := strings.ToLower(f[0])
		switch {
		case ended(name), name == "x-request-id", name == "origin" && x.withhold, name == "expect" && (x.req.HTTP10 || x.req.Length == 0),
			!meaningful[name] && nominated(sent, name):
		case name == "max-forwards" && x.req.Hops > 0: // one less of the smallest, whatever it was
			want = append(want, [2]string{f[0], strconv.FormatInt(x.req.Hops-1, 10)})
		default:
			want = append(want, f)
		}
	}
	for _, f := range got {
		if !ended(strings.ToLower(f[0])) {
			have = append(have, f)
		}
	}
	if n := len(have); n == 0 || have[n-1] != [2]string{"Via", map[bool]string{false: "1.1", true: "1.0"}[x.req.HTTP10] + " apim-edge-x"} {
		return fmt.Errorf("the last field is not the edge's Via")
	}
	have = slices.DeleteFunc(have[:len(have)-1], func(f [2]string) bool { return strings.EqualFold(f[0], "x-request-id") })
	if err := x.oneID(sent, got); err != nil {
		return err
	}
	if !slices.Equal(have, want) {
		return fmt.Errorf("fields %q, want %q", have, want)
	}
	return nil
}

// oneID holds that upstream reads one id, the one of the log: the client's, if it
// sent one that can be used.
func (x *trial) oneID(sent, got [][2]string) error {
	ids := valuesOf(got, "X-Request-Id")
	if len(ids) != 1 || ids[0] != x.id || len(ids[0]) == 0 || len(ids[0]) > 128 {
		return fmt.Errorf("ids %q, the log has %q", ids, x.id)
	}
	said := valuesOf(sent, "X-Request-Id")
	if usable := regexp.MustCompile("^[0-9A-Za-z-]{1,128}$"); len(said) == 1 && usable.MatchString(said[0]) && said[0] != ids[0] {
		return fmt.Errorf("the client's id %q became %q", said[0], ids[0])
	}
	if line, err := json.Marshal(ids[0]); err != nil || !strings.Contains(string(line), ids[0]) && !strings.ContainsAny(ids[0], "<>&") {
		return fmt.Errorf("id %q stands in a log as %s", ids[0], line)
	}
	return nil
}

// ownFields holds that what the edge says itself stands there once.
func (x *trial) ownFields(got [][2]string) error {
	for _, name := range []string{"Host", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host"} {
		none := name == "X-Forwarded-Host" && len(x.req.Host) == 0
		if n := len(valuesOf(got, name)); n != 1 && !(n == 0 && none) {
			return fmt.Errorf("%d lines of %s", n, name)
		}
	}
	host := valuesOf(got, "Host")[0]
	if want := x.host; want != "" && host != want || want == "" && host != string(x.req.Host) {
		return fmt.Errorf("host %q", host)
	}
	address := peer.String()
	said := valuesOf(got, "X-Forwarded-For")[0]
	trusted := x.trusted
	if !trusted && (said != address || len(valuesOf(got, "Forwarded")) > 0) || !strings.HasSuffix(said, address) {
		return fmt.Errorf("X-Forwarded-For %q of %s, Forwarded %q", said, address, valuesOf(got, "Forwarded"))
	}
	for _, f := range got {
		if forged(f[0]) != "" {
			return fmt.Errorf("%s goes upstream, which may read it as %s", f[0], forged(f[0]))
		}
		switch name := strings.ToLower(f[0]); name {
		case "connection", "upgrade":
			if !x.req.Websocket {
				return fmt.Errorf("%s goes upstream", name)
			}
		case "keep-alive", "proxy-connection", "te", "proxy-authorization", "proxy-authenticate", "http2-settings":
			return fmt.Errorf("%s goes upstream", name)
		default:
			if strings.HasPrefix(name, "x-apim-edge-") && name != "x-apim-edge-" {
				return fmt.Errorf("%s goes upstream", name)
			}
		}
	}
	return nil
}

// oneOfEachKind holds that at most one key and one token go upstream, each in
// its place. (That they are the client's is held by the tests of rewrite.)
func (x *trial) oneOfEachKind(got [][2]string) error {
	governed := map[string]int{}
	tokens, keys := map[string]bool{}, map[string]bool{}
	for _, f := range got {
		if strings.EqualFold(f[0], "Sec-WebSocket-Protocol") {
			for member := range strings.SplitSeq(strings.ToLower(f[1]), ",") {
				if strings.HasPrefix(strings.Trim(member, " \t"), "openai-insecure-api-key.") {
					return fmt.Errorf("a key stays in %s: %s", f[0], f[1])
				}
			}
			continue
		}
		if !x.governs(f[0]) {
			continue
		}
		if x.own != "" && !x.keeps && f[0]+": "+f[1]+"\r\n" != x.own {
			return fmt.Errorf("a credential of the caller goes upstream: %q", f)
		}
		governed[strings.ToLower(f[0])]++
		value, bearer := strings.CutPrefix(f[1], "Bearer ")
		switch {
		case strings.Count(value, ".") == 2 && strings.HasPrefix(value, "eyJ"), strings.Count(value, ".") == 4 && strings.HasPrefix(value, "eyJ"):
			tokens[value] = true
		case bearer || !strings.EqualFold(f[0], "Authorization"):
			keys[value] = true
		}
	}
	for name, n := range governed {
		if n > 1 {
			return fmt.Errorf("%d lines of %s", n, name)
		}
	}
	if field, _, _ := strings.Cut(x.own, ":"); x.own != "" && governed[strings.ToLower(field)] != 1 {
		return fmt.Errorf("the edge's own credential stands there %d times", governed[strings.ToLower(field)])
	}
	if len(governed) > 2 || len(tokens) > 1 || len(keys) > 1 {
		return fmt.Errorf("credentials: fields %v, tokens %v, keys %v", governed, tokens, keys)
	}
	return nil
}
