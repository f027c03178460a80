package head

import (
	"bufio"
	"bytes"
	"errors"
	"slices"

	"github.com/valyala/fasthttp"

	"github.com/apim-edge/apim-edge/corsx"
	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/rewrite"
)

// Request is the head of one request. Everything in it aliases the buffer that
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
	Hops   int64 // how often OPTIONS may be forwarded; negative: as often as need be

	Origin, UserAgent []byte
	Traceparent       []byte // empty, but not nil, where there are several
	ID                []byte // X-Request-Id; empty, but not nil, where it cannot be kept
	requestMethod     []byte // Access-Control-Request-Method
	requestHeaders    []byte // Access-Control-Request-Headers
	joined            []byte // what requestHeaders is where there are several lines
	requestPrivate    bool   // Access-Control-Request-Private-Network: true
	via               bool   // there is a Via field

	Parser *Parser // shared by the requests of a loop; nil: made when needed
}

// Traits are what the answer depends on: they outlive the head.
type Traits struct {
	Head      bool // the method is HEAD
	HTTP10    bool
	Expect    bool // the client waits for 100 Continue
	Websocket bool // it asks for one
	// Twice tells that it may run twice, and has no body that would have to be kept for
	// that.
	Twice bool
}

// Parser is fasthttp's parser and what it reads from.
type Parser struct {
	header fasthttp.RequestHeader
	source bytes.Reader
	reader *bufio.Reader
}

// NewParser returns a parser for one loop.
func NewParser() *Parser { return &Parser{reader: bufio.NewReaderSize(nil, 16<<10)} }

// Chunked is the length of a body in chunks.
const Chunked = -1

// maxTrailers bounds the names in Trailer, which the second parser copies one by
// one: a list of 64 KiB cost 2 ms.
const maxTrailers = 64

// Malformed returns the error for a request that breaks the rules of HTTP/1.1.
func Malformed(text string) *edgeerr.Error { return edgeerr.New(edgeerr.RequestMalformed, text) }

// Parse reads the head (request line, field lines, empty line) by our own strict
// scan. What is not quite plain is parsed by fasthttp as well, and the two must
// come to the same reading: what they could take differently, another parser
// behind us could as well. That they always do where the head is plain is held
// by FuzzParseRequest, and needs no second reading of every head (3.5 % of the
// CPU of an exchange).
func (r *Request) Parse(head []byte) error {
	_, err := r.parse(head)
	return err
}

// ParseFirst is Parse for the head that p begins with, if all of it has come and nothing is
// wrong with it. It returns the length of that head, or 0: then it has to be scanned for its
// end, and parsed. Most heads come as a whole, and are so looked at once.
func (r *Request) ParseFirst(p []byte) int {
	n, err := r.parse(p[:len(p):len(p)])
	if err != nil {
		r.Clear()
		return 0
	}
	return n
}

func (r *Request) parse(p []byte) (n int, err error) {
	end := bytes.IndexByte(p, '\n')
	if end < 1 || p[end-1] != '\r' {
		return 0, Malformed(errBareLF.Error())
	}
	if err := r.parseLine(p[:end-1]); err != nil {
		return 0, err
	}
	lines := fieldLines{fields: r.Fields, kinds: r.kinds}
	n, err = lines.scan(p[end+1:])
	r.Fields, r.kinds = lines.fields, lines.kinds
	if err != nil {
		return 0, Malformed(err.Error())
	}
	r.Size = end + 1 + n
	if err := r.readFields(); err != nil {
		return 0, err
	}
	if err := r.splitTarget(); err != nil {
		return 0, err
	}
	if lines.ascii && r.Target[0] == '/' && !r.HTTP10 && len(r.Host) > 0 && isUpper(r.Method) && !slices.Contains(r.kinds, kTrailer) {
		return r.Size, nil
	}
	return r.Size, r.agree(p[:r.Size])
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
	if !visible(r.Target) {
		return Malformed("the request target contains a character that must be percent-encoded")
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
	case kVia:
		r.via = true
	case kTraceparent: // several are as none (W3C Trace Context section 3.2)
		if r.Traceparent != nil {
			v = v[:0]
		}
		r.Traceparent = v
	case kRequestID:
		r.readID(v)
	case kMaxForwards:
		if n, ok := parseLength(v); ok && string(r.Method) == "OPTIONS" && (r.Hops < 0 || n < r.Hops) {
			r.Hops = n
		}
	}
}

// forget drops what the fields of the head before have said.
func (r *Request) forget() {
	r.Host, r.Origin, r.UserAgent, r.ID = nil, nil, nil, nil
	r.Traceparent = nil
	r.requestMethod, r.requestHeaders, r.joined, r.requestPrivate, r.via = nil, nil, r.joined[:0], false, false
	r.Length, r.Hops, r.Expect, r.Websocket = 0, -1, false, false
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

// OriginOf returns the Origin in a head that could not be parsed, or nil. What it
// finds decides about CORS fields alone.
func OriginOf(part []byte) []byte {
	for line := range bytes.Lines(part) {
		if len(line) > 7 && EqualFold(line[:7], "origin:") {
			return trimOWS(bytes.TrimRight(line[7:], "\r\n"))
		}
	}
	return nil
}

// Preflight returns the question of a browser.
func (r *Request) Preflight() corsx.PreflightRequest {
	return corsx.PreflightRequest{
		Origin: r.Origin, Method: r.requestMethod, Headers: r.requestHeaders, PrivateNetwork: r.requestPrivate,
	}
}

// IsPreflight reports whether the request asks whether a page may call: nothing else
// decides (Fetch standard, CORS-preflight fetch).
func (r *Request) IsPreflight() bool {
	return corsx.IsPreflight(r.Method, r.Origin != nil, r.requestMethod != nil)
}

// Content returns what the head says of the body: its type, and whether it is encoded.
// ok is false where one of the two is said twice.
func (r *Request) Content() (contentType []byte, encoded, ok bool) {
	types, codings := 0, 0
	for i, k := range r.kinds {
		switch v := r.Fields[i].Value; k {
		case kContentType:
			types++
			contentType = v
		case kContentEncoding:
			codings++
			encoded = !EqualFold(v, "identity")
		}
	}
	return contentType, encoded, types < 2 && codings < 2
}

// Named returns the value of a field by its name in lower case, the last where it stands
// there several times, and how many times that is.
func (r *Request) Named(lower string) (value []byte, lines int) {
	for i := range r.Fields {
		if f := &r.Fields[i]; EqualFold(f.Name, lower) {
			value = f.Value
			lines++
		}
	}
	return value, lines
}

// Clear drops all of r that aliases the buffer of its head: what is kept must not
// keep buffers.
func (r *Request) Clear() {
	r.forget()
	r.Method, r.Target, r.Path, r.Query = nil, nil, nil, nil
	clear(r.Fields)
	r.Fields = r.Fields[:0]
}

// Grown reports whether the head was larger than those of known clients: its room is
// not worth keeping.
func (r *Request) Grown() bool { return cap(r.Fields) > usualFields || cap(r.joined) > usualText }

const (
	usualFields = 64
	usualText   = 2 << 10
	usualHead   = 4 << 10
)
