package proxy

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/proxy/record"
	"github.com/apim-edge/apim-edge/proxy/upstream"
)

const pageOrigin = "https://chat.example.com"

// headRoutes are the routes that drawn heads are tried on: each way in which a
// route can change a head.
var headRoutes = []config.Route{
	{},
	{CORS: config.CORS{AllowedOrigins: []string{pageOrigin}, WithholdOrigin: true}},
	{CORS: config.CORS{AllowedOrigins: []string{"*"}, ExposedHeaders: []string{"openai-model", "X-Own"}}},
	{Upstream: "prefixed", StripPrefix: "/v1", Credential: config.Credential{QueryAliases: []string{"api-key", "subscription-key"}}},
	{Credential: config.Credential{Header: "Authorization", Value: "Bearer {key}"}},
	{Credential: config.Credential{KeepAuthorization: true, MisplacedToken: "keep", Aliases: []string{"x-api-key"}}},
}

// headSnapshot compiles headRoutes. No exchange runs on it.
func headSnapshot(tb testing.TB) (*Edge, *Snapshot) {
	e := NewEdge(zerolog.Nop(), zerolog.Nop(), record.NewMetrics("test", func() float64 { return 0 }), nil)
	conf := config.Default()
	conf.TrustedProxies = []string{"10.0.0.0/8"}
	conf.Upstreams = map[string]config.Upstream{
		"legacy":   {URL: "http://contoso.azure-api.net"},
		"prefixed": {URL: "http://contoso.azure-api.net:8080/openai", PreserveHost: true},
	}
	conf.Routes = map[string]config.Route{}
	for i, r := range headRoutes {
		if r.Upstream == "" {
			r.Upstream = "legacy"
		}
		r.PathPrefix = "/"
		conf.Routes[fmt.Sprint("route-", i)] = r
	}
	s, err := e.Compile(conf.Complete())
	if err != nil {
		tb.Fatal(err)
	}
	e.Use(s)
	slices.SortFunc(s.routes, func(a, b *route) int { return strings.Compare(a.name, b.name) })
	return e, s
}

// headExchange returns an exchange that has nothing but heads.
func headExchange(e *Edge, s *Snapshot, which byte, trusted bool) *Exchange {
	x := &Exchange{}
	x.edge, x.snap, x.route = e, s, s.routes[int(which)%len(s.routes)]
	x.client = &Client{edge: e, address: netip.MustParseAddr("192.0.2.7")}
	if trusted {
		x.client.address = netip.MustParseAddr("10.1.2.3")
	}
	x.req, x.attempt.resp, x.attempt.target = new(Request), new(Response), x.route.target
	x.attempt.conn = new(upstream.Conn)
	return x
}

// phrases are what a fuzzer would have to find byte by byte.
var phrases = []string{
	"\r\n", "\r\n\r\n", ": ", " \t", ",", ", close", "HTTP/1.1 200 OK\r\n", "HTTP/1.0 204 No\r\n", "HTTP/1.1 304 \r\n", "HTTP/1.1 101 S\r\n", "HTTP/1.1 103 E\r\n", "HTTP/1.1 503",
	" HTTP/1.1\r\n", " HTTP/1.0\r\n", "GET /", "POST /v1/", "OPTIONS * HTTP/1.1\r\n", "HEAD ", "http://edge:80", "https://[::1]", "?api-key=", "&subscription-key=", "%2e", "%2F", "/v1", ";a",
	"\r\nHost: edge", "\r\nConnection: ", "\r\nContent-Length: 5", "\r\nContent-Length: 0", "\r\nTransfer-Encoding: chunked", "\r\nTransfer-Encoding: ", "\r\nExpect: 100-continue",
	"\r\nUpgrade: websocket", "\r\nConnection: Upgrade", "\r\nKeep-Alive: timeout=5", "\r\nTE: trailers", "\r\nTrailer: ", "\r\nProxy-Authorization: Basic x", "\r\nHTTP2-Settings: x",
	"\r\nAuthorization: Bearer ", "\r\nauthorization: Basic eDp5", "\r\napi-key: ", "\r\nOcp-Apim-Subscription-Key: ", "\r\nx-api-key: ", "0123abcd", "eyJhbGciOiJub25lIn0.e30.c2ln", "EMPTY", "Bearer ",
	"\r\nX-Forwarded-For: ", "\r\nX-Forwarded-Proto: ", "\r\nX-Forwarded-Host: ", "\r\nForwarded: for=", "\r\nX-Apim-Edge-Decision: ", "\r\nX-Request-Id: ", "\r\nVia: 1.1 x", "\r\nOrigin: https://chat.example.com",
	"\r\nVary: ", "Origin", "*", "\r\nAccess-Control-Allow-Origin: ", "\r\nAccess-Control-Request-Method: POST", "\r\nx-ratelimit-remaining-tokens: 7", "\r\nopenai-model: ", "\r\nSet-Cookie: a=b",
	"_", "\r\napi_key: ", "\r\nX_Forwarded.For: ", "\r\nx_apim_edge_key: ", "\r\nContent_Length: 7", "\r\nTransfer_Encoding: chunked", "\r\naccess_control_allow_origin: *",
	"\r\nX-Forwarded-Port: ", "\r\nX-Original-URL: /", "\r\nX-Real-IP: ", "\r\nSec-WebSocket-Protocol: ", "realtime, ", "openai-insecure-api-key.",
	"\r\nCookie: a=b", "\r\nContent-Type: text/event-stream", "\r\nContent-Encoding: gzip", "\r\napim-request-id: 7", "\r\nDate: x", "\r\nX: ", "\r\nUser-Agent: me", "\xff\x80", "\x00", "\x0b", "api-key", "close", "keep-alive",
}

// headEnd is headScan.end for a head that is there as a whole.
func headEnd(p []byte) int { return new(Scan).End(p) }

// fromDraft makes a head of what a fuzzer has drawn: bytes from 0x80 on stand for
// phrases, the others for themselves, and an end is added if there is none.
func fromDraft(draft []byte) []byte {
	head := drawn(draft)
	if headEnd(head) == 0 {
		head = append(head, "\r\n\r\n"...)
	}
	return head[:headEnd(head)]
}

// drawn is fromDraft without an end.
func drawn(draft []byte) (head []byte) {
	for _, c := range draft {
		if c < 0x80 {
			head = append(head, c)
		} else {
			head = append(head, phrases[int(c&0x7f)%len(phrases)]...)
		}
	}
	return head
}

var tokenRe = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")

// readStrictly is a second reading of a head, with nothing of the code under
// test in it: the first line and the field lines.
func readStrictly(head []byte) (first string, fields [][2]string, err error) {
	text, ok := strings.CutSuffix(string(head), "\r\n\r\n")
	if !ok {
		return "", nil, fmt.Errorf("no empty line at its end")
	}
	all := strings.Split(text, "\r\n")
	for _, line := range all[1:] {
		name, value, ok := strings.Cut(line, ":")
		value = strings.Trim(value, " \t")
		if !ok || !tokenRe.MatchString(name) || !printable(value) {
			return "", nil, fmt.Errorf("%q is no field line", line)
		}
		fields = append(fields, [2]string{name, value})
	}
	if !printable(all[0]) {
		return "", nil, fmt.Errorf("first line %q", all[0])
	}
	return all[0], fields, nil
}

func printable(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// valuesOf returns the values of the fields of a name.
func valuesOf(fields [][2]string, name string) (values []string) {
	for _, f := range fields {
		if strings.EqualFold(f[0], name) {
			values = append(values, f[1])
		}
	}
	return values
}

// meaningful are fields that have a meaning on the data path, so that nobody can
// name them in Connection to have them taken off.
var meaningful = func() map[string]bool {
	set := map[string]bool{}
	for _, name := range strings.Fields(`host connection content-length transfer-encoding expect upgrade keep-alive proxy-connection te
		proxy-authenticate proxy-authorization http2-settings origin access-control-request-method access-control-request-headers
		access-control-request-private-network user-agent x-request-id x-forwarded-for x-forwarded-proto x-forwarded-host forwarded
		vary content-type content-encoding apim-request-id trailer`) {
		set[name] = true
	}
	return set
}()

// forged says what a name that is not in the spelling of a field would be to a
// server that reads every character other than a letter or a digit as a hyphen: of
// the fields that the edge owns, or nothing.
func forged(name string) string {
	lower := strings.ToLower(name)
	plain := between.ReplaceAllString(lower, "-")
	if plain == lower {
		return ""
	}
	for _, prefix := range []string{"x-apim-edge-", "x-forwarded-"} {
		if strings.HasPrefix(plain, prefix) && plain != prefix && !strings.HasPrefix(lower, prefix) {
			return prefix
		}
	}
	if slices.Contains(strings.Fields(`content-length transfer-encoding keep-alive proxy-connection proxy-authenticate proxy-authorization http2-settings
		x-request-id `+saidByProxies), plain) {
		return plain
	}
	return ""
}

var between = regexp.MustCompile("[^a-z0-9]")

// saidByProxies are what proxies other than this one say of who asks.
const saidByProxies = `x-real-ip x-client-ip x-cluster-client-ip true-client-ip x-original-url x-original-uri x-original-host x-original-for
	x-original-proto x-rewrite-url`

// nominated tells whether a Connection field names name.
func nominated(fields [][2]string, name string) bool {
	for _, list := range valuesOf(fields, "Connection") {
		for member := range strings.SplitSeq(list, ",") {
			if strings.EqualFold(strings.Trim(member, " \t"), name) {
				return true
			}
		}
	}
	return false
}

func appendRequestHead(x *Exchange, dst []byte) []byte {
	f := x.forwarded()
	return f.Append(dst)
}

func appendResponseHead(x *Exchange, dst []byte) []byte {
	a := x.relayed()
	dst, _ = a.Append(dst)
	return dst
}

func appendInterimHead(x *Exchange, dst []byte) []byte {
	a := x.relayed()
	return a.AppendInterim(dst)
}
