// Package corsx applies the CORS rules of the Fetch standard to raw message
// heads. github.com/rs/cors decides; this package asks it without a net/http
// server around it, remembers its answers so that a response in steady state
// costs no allocation, and adds what the library has no notion of: the fields
// of the OpenAI SDKs, the expansion of field families into the names that are
// present, and the merge of Vary.
//
// The edge owns the whole CORS field set of a route with a policy: what Owned
// names is taken off upstream's head and trailers, and one answer is put in.
//
//	policy, err := corsx.New(corsx.Options{AllowedOrigins: []string{"https://chat.example.com"}})
//	...
//	head, allowed := policy.AppendResponse(head, method, origin, upstreamNames)
//	head = policy.AppendVary(head, upstreamVary)
//
// What differs from the library under net/http, and why, is listed and proved
// in oracle_test.go.
package corsx

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/rs/cors"
)

// Options is the policy of one route. Every list may be empty.
type Options struct {
	// AllowedOrigins are the origins whose pages may call: scheme://host or
	// scheme://host:port, in lower case. One * may stand in front of a domain
	// (https://*.example.com, https://chat-*-team.example.com), for a whole
	// host (https://*), or for the port of a fixed host (http://localhost:*). "*" alone allows every page, "null" the pages
	// without an origin. Empty: none is allowed.
	AllowedOrigins []string
	// AllowedMethods are the methods that pages may use. Nil: GET, HEAD, POST,
	// PUT, PATCH, DELETE. Empty: none. OPTIONS is always allowed, because a
	// preflight is one.
	AllowedMethods []string
	// AllowedHeaders are the request fields that pages may send besides those
	// of the OpenAI SDKs. "*" allows every field.
	AllowedHeaders []string
	// ExposedHeaders are the response fields that pages may read besides those
	// of the OpenAI SDKs. "*" exposes every field; with AllowCredentials browsers
	// take it for a name (Fetch standard, CORS protocol and credentials).
	ExposedHeaders []string
	// AllowCredentials lets pages send cookies and client certificates. The
	// SDKs do not need it: they set their credential themselves.
	AllowCredentials bool
	// MaxAge is how long a browser may remember the answer to a preflight, in
	// whole seconds. Zero: ten minutes. Negative: not at all.
	MaxAge time.Duration
	// AllowPrivateNetwork lets pages of public sites call an edge that has a
	// private address.
	AllowPrivateNetwork bool
}

// defaultMaxAge spares a chat page one round trip per message; Chromium keeps
// an answer for two hours at most, so a changed policy is seen soon anyway.
const defaultMaxAge = 10 * time.Minute

// Policy is a compiled Options. It is safe for concurrent use.
type Policy struct {
	cors *cors.Cors
	// anyOrigin: the origin is not part of the answer, so it is neither
	// checked nor remembered.
	anyOrigin bool
	// exposesAll: the exposed list is "*", there is nothing to expand.
	exposesAll bool
	// listed are the names of a family that the options expose by name: the
	// expansion must not repeat them.
	listed []string
	// preflightVary is the whole Vary line of every answer to a preflight.
	preflightVary string
	// fields are the request fields that pages may send, sorted; offer are the
	// lines that say them and the methods.
	fields   []string
	offer    string
	outcomes *outcomes
}

// New compiles o. Options with faults have no policy: the error joins them.
func New(o Options) (*Policy, error) {
	o = o.Complete()
	if err := o.Faults().Err(); err != nil {
		return nil, err
	}
	p := &Policy{
		cors:       cors.New(libraryOptions(o)),
		anyOrigin:  slices.Contains(o.AllowedOrigins, "*"),
		exposesAll: slices.Contains(o.ExposedHeaders, "*"),
		outcomes:   newOutcomes(),
	}
	p.list(libraryOptions(o))
	for _, name := range o.ExposedHeaders {
		if Family([]byte(name)) {
			p.listed = append(p.listed, strings.ToLower(name))
		}
	}
	// The library names the Vary members of a preflight before it looks at
	// anything else, so an empty question gets the same line as every other.
	answer := p.ask(http.MethodOptions, http.Header{requestMethod: {http.MethodPost}})
	p.preflightVary = fieldLine(varyField, answer[varyField])
	return p, nil
}

func libraryOptions(o Options) cors.Options {
	out := cors.Options{
		AllowedOrigins:      o.AllowedOrigins,
		AllowedMethods:      o.AllowedMethods,
		AllowedHeaders:      slices.Concat(sdkRequestFields, o.AllowedHeaders),
		ExposedHeaders:      slices.Concat(sdkResponseFields, o.ExposedHeaders),
		AllowCredentials:    o.AllowCredentials,
		AllowPrivateNetwork: o.AllowPrivateNetwork,
	}
	if len(o.AllowedOrigins) == 0 {
		// The library takes an empty list for every origin.
		out.AllowOriginFunc = func(string) bool { return false }
	}
	if len(o.AllowedMethods) == 0 {
		// The library takes an empty list for GET, HEAD and POST.
		out.AllowedMethods = []string{http.MethodOptions}
	}
	if slices.Contains(o.ExposedHeaders, "*") {
		out.ExposedHeaders = []string{"*"}
	}
	out.MaxAge = int(o.MaxAge / time.Second)
	if o.MaxAge < 0 {
		out.MaxAge = -1 // the library's way to say Access-Control-Max-Age: 0
	}
	return out
}

// list keeps what pages may ask for, to tell it where they ask for more.
func (p *Policy) list(o cors.Options) {
	for _, name := range o.AllowedHeaders {
		p.fields = append(p.fields, strings.ToLower(name))
	}
	slices.Sort(p.fields)
	p.fields = slices.Compact(p.fields)
	p.offer = fieldLine(allowMethods, []string{strings.Join(o.AllowedMethods, ", ")}) +
		fieldLine(allowHeaders, []string{strings.Join(p.fields, ", ")})
}

// ask puts a question to the library and returns the fields of its answer.
func (p *Policy) ask(method string, fields http.Header) http.Header {
	answer := make(recorder, 8)
	p.cors.HandlerFunc(answer, &http.Request{Method: method, Header: fields})
	return http.Header(answer)
}

// recorder is the least ResponseWriter: it keeps the fields.
type recorder http.Header

func (r recorder) Header() http.Header         { return http.Header(r) }
func (r recorder) Write(b []byte) (int, error) { return len(b), nil }
func (r recorder) WriteHeader(int)             {}
