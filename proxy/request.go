package proxy

import (
	"bufio"
	"bytes"
	"errors"
	"net/netip"
	"slices"

	"github.com/valyala/fasthttp"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/rewrite"
)

// request is the head of one request. Everything in it aliases the buffer that
// the head was read into and dies with it, at the latest when the request has
// been forwarded.
type Request struct {
	Method []byte
	Target []byte           // as sent
	Path   []byte           // of the target, "/" at least
	Query  []byte           // without '?'
	Odd    rewrite.Oddities // of the path
	Host   []byte           // authority of the target, else Host
	Fields []rewrite.Field
	kinds  []kind

	Traits
	connection
	Size   int   // of the head
	Length int64 // of the body; -1: chunked

	Origin, UserAgent []byte
	ID                []byte // X-Request-Id; empty, but not nil, where it cannot be kept
	requestMethod     []byte // Access-Control-Request-Method
	requestHeaders    []byte // Access-Control-Request-Headers
	joined            []byte // what requestHeaders is where there are several lines
	requestPrivate    bool   // Access-Control-Request-Private-Network: true

	Parser *Parser // shared by the requests of a loop; nil: made when needed
}

// traits are what the answer depends on: they outlive the head.
type Traits struct {
	Head      bool // the method is HEAD
	HTTP10    bool
	Expect    bool // the client waits for 100 Continue
	Websocket bool // it asks for one
}

// parser is fasthttp's parser and what it reads from.
type Parser struct {
	header fasthttp.RequestHeader
	source bytes.Reader
	reader *bufio.Reader
}

func NewParser() *Parser { return &Parser{reader: bufio.NewReaderSize(nil, 16<<10)} }

const Chunked = -1

// maxTrailers bounds the names in Trailer, which the second parser copies one by
// one: a list of 64 KiB cost 2 ms.
const maxTrailers = 64

func Malformed(text string) *edgeerr.Error { return edgeerr.New(edgeerr.RequestMalformed, text) }

// parse reads the head (request line, field lines, empty line) by our own strict
// scan. What is not quite plain is parsed by fasthttp as well, and the two must
// come to the same reading: what they could take differently, another parser
// behind us could as well. That they always do where the head is plain is held
// by FuzzParseRequest, and needs no second reading of every head (3.5 % of the
// CPU of an exchange).
func (r *Request) Parse(head []byte) error {
	r.Size = len(head)
	end := bytes.IndexByte(head, '\n')
	if end < 1 || head[end-1] != '\r' {
		return Malformed(errBareLF.Error())
	}
	if err := r.parseLine(head[:end-1]); err != nil {
		return err
	}
	var ascii bool
	var err error
	if r.Fields, r.kinds, ascii, err = scanFields(head[end+1:len(head)-2], r.Fields[:0], r.kinds[:0]); err != nil {
		return Malformed(err.Error())
	}
	if err := r.readFields(); err != nil {
		return err
	}
	if err := r.splitTarget(); err != nil {
		return err
	}
	if ascii && r.Target[0] == '/' && !r.HTTP10 && len(r.Host) > 0 && isUpper(r.Method) && !slices.Contains(r.kinds, kTrailer) {
		return nil
	}
	return r.agree(head)
}

func isDigits(p []byte) bool {
	for _, c := range p {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

func isUpper(p []byte) bool {
	for _, c := range p {
		if c < 'A' || c > 'Z' {
			return false
		}
	}
	return true
}

func (r *Request) parseLine(line []byte) error {
	method := tokenLen(line)
	if method == 0 || method == len(line) || line[method] != ' ' {
		return Malformed("the request line does not begin with a method and one space (RFC 9112 section 3)")
	}
	rest := line[method+1:]
	space := bytes.IndexByte(rest, ' ')
	if space < 1 {
		return Malformed("the request line has no target or no version (RFC 9112 section 3)")
	}
	r.Method, r.Target = line[:method], rest[:space]
	r.Head = string(r.Method) == "HEAD"
	version := rest[space+1:]
	switch string(version) {
	case "HTTP/1.1":
		r.HTTP10 = false
	case "HTTP/1.0":
		r.HTTP10 = true
	default:
		if len(version) == 8 && string(version[:5]) == "HTTP/" && version[6] == '.' {
			return edgeerr.New(edgeerr.VersionNotSupported, "")
		}
		return Malformed("the request line does not end with HTTP/1.1 (RFC 9112 section 3)")
	}
	for _, c := range r.Target {
		if c <= 0x20 || c >= 0x7f {
			return Malformed("the request target contains a character that must be percent-encoded")
		}
	}
	return nil
}

// readFields notes what the exchange needs of the fields, and decides how long
// the body is (RFC 9112 section 6).
func (r *Request) readFields() error {
	r.forget()
	var hosts, lengths, codings, upgrades, trailers int
	for i, k := range r.kinds {
		v := r.Fields[i].Value
		switch k {
		case kOther: // most of them
		case kHost:
			hosts++
			r.Host = v
		case kContentLength:
			n, ok := parseLength(v)
			if lengths++; !ok || lengths > 1 {
				return Malformed("Content-Length is not one number (RFC 9112 section 6.3)")
			}
			r.Length = n
		case kTransferEncoding:
			if codings++; codings > 1 {
				return Malformed("a request has at most one Transfer-Encoding field")
			}
			if !EqualFold(v, "chunked") {
				return edgeerr.New(edgeerr.CodingNotSupported, "")
			}
		case kConnection:
			if err := r.readConnection(v); err != nil {
				return Malformed(err.Error())
			}
		case kExpect:
			if !EqualFold(v, "100-continue") {
				return edgeerr.New(edgeerr.ExpectationFailed, "")
			}
			r.Expect = !r.HTTP10
		case kUpgrade:
			if upgrades++; EqualFold(v, "websocket") {
				r.Websocket = true
			}
		case kTrailer:
			if trailers += 1 + bytes.Count(v, []byte{','}); trailers > maxTrailers {
				return Malformed("Trailer names more than 64 fields (RFC 9110 section 6.6.2)")
			}
		default:
			r.keep(k, v)
		}
	}
	// A handshake has no body: what came behind the head would be frames for one
	// side and a body for the other (RFC 6455 section 4.1).
	r.Websocket = r.Websocket && !r.HTTP10 && upgrades == 1 && r.upgrade && string(r.Method) == "GET" &&
		codings == 0 && r.Length == 0
	if hosts > 1 || hosts == 0 && !r.HTTP10 {
		return Malformed("a request has exactly one Host field (RFC 9112 section 3.2)")
	}
	if codings > 0 {
		return r.checkChunked(lengths)
	}
	return nil
}

// keep notes what is needed of a field that does not bear on how the message is
// read.
func (r *Request) keep(k kind, v []byte) {
	switch k {
	case kOrigin:
		r.Origin = v
	case kRequestMethod:
		r.requestMethod = v
	case kRequestHeaders:
		r.addRequestHeaders(v)
	case kRequestPrivate:
		r.requestPrivate = EqualFold(v, "true")
	case kUserAgent:
		r.UserAgent = v
	case kRequestID:
		r.readID(v)
	}
}

// forget drops what the fields of the head before have said.
func (r *Request) forget() {
	r.Host, r.Origin, r.UserAgent, r.ID = nil, nil, nil, nil
	r.requestMethod, r.requestHeaders, r.joined, r.requestPrivate = nil, nil, r.joined[:0], false
	r.Length, r.Expect, r.Websocket = 0, false, false
	r.connection.reset(r.HTTP10)
}

// addRequestHeaders makes one list of the values of several lines (RFC 9110
// section 5.3). Each is copied once: 480 lines that were joined anew for each of
// them cost 3 ms.
func (r *Request) addRequestHeaders(v []byte) {
	if len(r.requestHeaders) == 0 {
		r.requestHeaders = v
		return
	}
	if len(r.joined) == 0 {
		r.joined = append(r.joined, r.requestHeaders...)
	}
	r.joined = append(append(r.joined, ','), v...)
	r.requestHeaders = r.joined
}

func (r *Request) checkChunked(lengths int) error {
	switch {
	case lengths > 0:
		return Malformed("Content-Length and Transfer-Encoding exclude each other (RFC 9112 section 6.1)")
	case r.HTTP10:
		return Malformed("Transfer-Encoding needs HTTP/1.1 (RFC 9112 section 6.1)")
	}
	r.Length = Chunked
	return nil
}

// splitTarget finds path and query in the target, in origin-form or
// absolute-form (RFC 9112 section 3.2).
func (r *Request) splitTarget() error {
	if string(r.Method) == "CONNECT" || string(r.Method) == "TRACE" {
		return edgeerr.New(edgeerr.MethodNotAllowed, "")
	}
	t := r.Target
	r.Odd = 0
	switch {
	case t[0] == '/':
	case len(t) == 1 && t[0] == '*' && string(r.Method) == "OPTIONS":
		r.Path, r.Query = t, nil
		return r.checkHost()
	default:
		rest, ok := cutScheme(t)
		if !ok {
			return Malformed("the request target is neither a path nor an http URL (RFC 9112 section 3.2)")
		}
		slash := bytes.IndexAny(rest, "/?#")
		if slash < 0 {
			slash = len(rest)
		}
		r.Host, t = rest[:slash], rest[slash:]
	}
	r.Path, r.Query, _ = bytes.Cut(t, []byte{'?'})
	if len(r.Path) == 0 {
		r.Path = []byte{'/'}
	}
	if bytes.IndexByte(r.Query, '#') >= 0 {
		return Malformed("the request target contains a fragment; take the # and what follows off the URL")
	}
	var err error
	if r.Odd, err = rewrite.CheckPath(r.Path); err != nil {
		return Malformed(err.Error())
	}
	return r.checkHost()
}

func cutScheme(t []byte) (rest []byte, ok bool) {
	for _, scheme := range []string{"http://", "https://"} {
		if len(t) > len(scheme) && EqualFold(t[:len(scheme)], scheme) {
			return t[len(scheme):], true
		}
	}
	return nil, false
}

// checkHost refuses an authority that is not one name or address with an
// optional port: userinfo would be a credential from outside (RFC 9110 section
// 4.2.4), and two parsers find different ports in a:1:2.
func (r *Request) checkHost() error {
	host, port := r.Host, []byte(nil)
	if len(host) > 0 && host[0] == '[' {
		end := bytes.IndexByte(host, ']')
		if a, err := netip.ParseAddr(string(host[1:max(end, 1)])); err != nil || !a.Is6() || a.Zone() != "" {
			return Malformed("the host begins with [ but is no IPv6 address in brackets")
		}
		host, port = nil, host[end+1:]
	} else if colon := bytes.IndexByte(host, ':'); colon >= 0 {
		host, port = host[:colon], host[colon:]
	}
	for _, c := range host {
		if ok := c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'; !ok && c != '.' && c != '-' && c != '_' && c != '~' {
			return Malformed("the host contains a character other than letters, digits, '.', '-', '_' and a port; userinfo is not allowed")
		}
	}
	if len(port) > 0 && (port[0] != ':' || !isDigits(port[1:])) {
		return Malformed("the port behind the host is not a number")
	}
	return nil
}

// agree has fasthttp parse the head and compares. Its error texts quote the
// head, so they are never shown.
func (r *Request) agree(head []byte) error {
	if r.Parser == nil {
		r.Parser = NewParser()
	}
	p, reader := r.Parser, r.Parser.reader
	if len(head) > reader.Size() {
		reader = bufio.NewReaderSize(nil, len(head))
	}
	p.source.Reset(head)
	reader.Reset(&p.source)
	if len(head) > usualHead {
		// It keeps for each field the room of the longest that has ever stood there.
		defer func() { p.header = fasthttp.RequestHeader{} }()
	}
	if err := p.header.Read(reader); err != nil {
		return edgeerr.Wrap(edgeerr.RequestMalformed, errParser)
	}
	if !bytes.Equal(p.header.Method(), r.Method) || !bytes.Equal(p.header.RequestURI(), r.Target) {
		return edgeerr.Wrap(edgeerr.RequestMalformed, errParser)
	}
	return nil
}

var errParser = errors.New("the two parsers do not agree")

func (r *Request) IsPreflight() bool {
	return string(r.Method) == "OPTIONS" && r.Origin != nil && r.requestMethod != nil
}
