package head

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/apim-edge/apim-edge/corsx"
	"github.com/apim-edge/apim-edge/rewrite"
)

const pageOrigin = "https://chat.example.com"

// side is all that a route and its upstream can change in a head.
type side struct {
	name          string
	policy        *rewrite.Policy
	cors          *corsx.Policy
	withhold      bool
	strip, prefix string
	host          string // of the upstream; empty: the client's

	own      string          // the line of the edge's own credential
	replaces *rewrite.Policy // nil: there is none
	keeps    bool            // the caller's go on beside it

	parameters *rewrite.Parameters // nil: the query goes on
}

// sides are those that drawn heads are tried on: each way in which a head can change.
var sides = []side{
	newSide("plain", rewrite.Options{}, nil),
	{withhold: true, name: "withheld origin", host: upstreamHost, policy: credentials(rewrite.Options{}), cors: pages(corsx.Options{AllowedOrigins: []string{pageOrigin}})},
	newSide("every page", rewrite.Options{}, &corsx.Options{AllowedOrigins: []string{"*"}, ExposedHeaders: []string{"openai-model", "X-Own"}}),
	{name: "prefixes", strip: "/v1", prefix: "/openai", policy: credentials(rewrite.Options{QueryAliases: []string{"api-key", "subscription-key"}})},
	newSide("the key in Authorization", rewrite.Options{Header: "Authorization", Value: "Bearer {key}"}, nil),
	ownSide("a key of the edge", "api-key", "api-key: own\r\n", false, rewrite.Options{Header: "x-other", Aliases: []string{}, QueryAliases: []string{}}),
	ownSide("a token of the edge", "Authorization", "Authorization: Bearer own\r\n", false, rewrite.Options{KeepAuthorization: true, KeepMisplacedToken: true}),
	ownSide("a key of the edge and the caller's token", "api-key", "api-key: own\r\n", true, rewrite.Options{}),
	{name: "parameters", policy: credentials(rewrite.Options{}), strip: "/v1", prefix: "/openai", parameters: rewrite.NewParameters(map[string]string{"v": "a b"}, nil, []string{"a"}),
		own: "api-key: own\r\n", replaces: rewrite.Replacing("api-key")},
	newSide("both kept", rewrite.Options{KeepAuthorization: true, KeepMisplacedToken: true, Aliases: []string{"x-api-key"}}, nil),
}

const upstreamHost = "contoso.azure-api.net"

func newSide(name string, o rewrite.Options, c *corsx.Options) side {
	s := side{name: name, host: upstreamHost, policy: credentials(o)}
	if c != nil {
		s.cors = pages(*c)
	}
	return s
}

func ownSide(name, field, line string, keeps bool, o rewrite.Options) side {
	s := newSide(name, o, nil)
	if s.own, s.keeps, s.replaces = line, keeps, rewrite.Replacing(field); keeps {
		s.replaces = rewrite.Beside(field)
	}
	return s
}

// governs reports whether lines of this name are credentials to the route or its
// upstream.
func (s *side) governs(name string) bool {
	return s.policy.Governs([]byte(name)) || s.replaces != nil && s.replaces.Governs([]byte(name))
}

func credentials(o rewrite.Options) *rewrite.Policy {
	p, err := rewrite.NewPolicy(o)
	if err != nil {
		panic(err)
	}
	return p
}

func pages(o corsx.Options) *corsx.Policy {
	p, err := corsx.New(o)
	if err != nil {
		panic(err)
	}
	return p
}

// trial is one head that is tried on a side, and what comes of it.
type trial struct {
	side
	req      Request
	resp     Response
	decision rewrite.Decision
	id       string // that the log has
	trusted  bool

	// Of an answer:
	traits  Traits
	origin  []byte
	closes  bool
	dechunk bool
}

func newTrial(which byte, trusted bool) *trial {
	return &trial{side: sides[int(which)%len(sides)], trusted: trusted}
}

var peer = netip.MustParseAddr("192.0.2.7")

// forward returns what the upstream is sent, or false where the credentials are
// refused.
func (x *trial) forward(dst []byte) (out []byte, ok bool) {
	if x.id = string(x.req.ID); x.id == "" {
		x.id = "0123456789abcdef0123456789abcdef"
	}
	if x.decision = x.policy.Decide(x.req.Fields, x.req.Query); x.decision.Rejected() {
		return dst, false
	}
	switch field, _, _ := strings.Cut(x.own, ":"); {
	case x.keeps:
		x.decision = x.policy.Yields(x.decision, field)
	case x.own != "":
		x.decision = x.decision.Dropped()
	}
	f := Forwarded{
		Own: []byte(x.own), Replaces: x.replaces,
		Name:    []byte("apim-edge-x"),
		Request: &x.req, Policy: x.policy, Decision: &x.decision, Strip: x.strip, Prefix: x.prefix, ID: []byte(x.id),
		Client: peer, Trusted: x.trusted, WithholdOrigin: x.withhold, Parameters: x.parameters,
	}
	if x.host != "" {
		f.Host = []byte(x.host)
	}
	return f.Append(dst), true
}

// relay returns what the client is sent, as an exchange decides about the body.
func (x *trial) relay(dst []byte) []byte {
	x.dechunk = x.traits.HTTP10 && x.resp.Length == Chunked
	x.closes = x.closes || x.traits.HTTP10 || x.resp.Length == UntilClose
	a := Relayed{Response: &x.resp, CORS: x.cors, Method: []byte("POST"), Origin: x.origin, Dechunk: x.dechunk, Close: x.closes}
	dst, _ = a.Append(dst)
	return dst
}

func (x *trial) relayInterim(dst []byte) []byte {
	a := Relayed{Response: &x.resp, CORS: x.cors, Method: []byte("POST"), Origin: x.origin, Close: x.closes}
	return a.AppendInterim(dst)
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
		vary content-type content-encoding apim-request-id trailer max-forwards`) {
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

// nominated reports whether a Connection field names name.
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
