// Package edgeerr is the table of everything that can end an exchange badly:
// one code per cause, and for each code the status, the OpenAI error type, and
// the hints that tell a client whether to send the request again. The status
// and the hints are derived from the code here and nowhere else.
//
// An Error never holds the value of a field, a query string or a body: it is
// logged and shown to clients as it is.
package edgeerr

//go:generate go test -run TestTheReferenceIsCurrent -update .

import (
	"errors"
	"time"
)

// Code names a cause. Its text is stable: clients, logs and metrics use it.
type Code uint8

// The causes, in the order of the life of an exchange.
const (
	None Code = iota
	RequestMalformed
	AddressNotAllowed
	// HeaderNotAllowed: a field that the route asks for is missing, or says something else.
	HeaderNotAllowed
	AmbiguousCredential
	MalformedCredential
	CredentialMissing
	TokenMissing
	TokenInvalid
	TokenExpired
	ClientUnknown
	ClientExpired
	ClaimMissing
	ClientNotAllowed
	KeysUnavailable
	// RateLimited: a limit of the route is reached.
	RateLimited
	// LimitsUnavailable: replicas count in common, and what they count in is away.
	LimitsUnavailable
	OriginNotAllowed
	RouteNotFound
	// The codes of the bridge between v1 and legacy paths, from here to BodyEncoded.
	BridgeImpossible
	ModelNotFound
	ModelUnreadable
	ModelTooFar
	BodyEncoded
	MethodNotAllowed
	RequestTimeout
	BodyTooLarge
	URITooLong
	ExpectationFailed
	HeadTooLarge
	Internal
	CodingNotSupported
	VersionNotSupported
	LoopDetected
	UpstreamUnresolved
	UpstreamConnectFailed
	UpstreamTLSFailed
	UpstreamClosedEarly
	UpstreamInvalidResponse
	EdgeOverloaded
	EdgeDraining
	UpstreamUnavailable
	// UpstreamsThrottled: each of several upstreams has said when to come again.
	UpstreamsThrottled
	// NoUpstreamCredential: what apim-edge itself shows to the upstream cannot be had.
	NoUpstreamCredential
	UpstreamConnectTimeout
	UpstreamHeadTimeout
	// UpstreamStalled: the upstream took no byte of a request body for
	// request_body_idle.
	UpstreamStalled
	// UpstreamAborted and ClientLeft exist in logs and metrics only: the head
	// was out already, or nobody is there to read an answer.
	UpstreamAborted
	ClientLeft
	// ClientStalled: the client took no byte for client_write_stall. Logs only.
	ClientStalled
	// StreamIdle: upstream sent no byte for stream_idle. Logs only.
	StreamIdle
	// DrainAborted: the exchange was still running at the end of the drain.
	DrainAborted
	count
)

// Retry says what a client should do with the same request.
type Retry uint8

// The three hints. RetryUnsaid leaves it to the SDK's own rule (which repeats
// on 408, 409, 429 and every 5xx).
const (
	RetryUnsaid Retry = iota
	RetryYes          // x-should-retry: true
	RetryNo           // x-should-retry: false
	// retryIdempotent: the upstream may have begun to work, so it is RetryYes where
	// the method may run twice, and else RetryNo.
	retryIdempotent
)

// Source says on whose side the cause lies: the first question of whoever is
// on call.
type Source uint8

// The three sides of an exchange.
const (
	Client Source = iota
	Edge
	Upstream
)

// String returns client, edge or upstream.
func (s Source) String() string { return [...]string{"client", "edge", "upstream"}[s] }

// row is what is derived from a code.
type row struct {
	name    string
	status  int // 0: never answered, logs and metrics only
	typ     string
	source  Source
	retry   Retry
	after   int    // Retry-After in seconds; 0: none
	meaning string // what happened
	advice  string // what to do
}

const (
	invalidRequest = "invalid_request_error"
	authentication = "authentication_error"
	serverError    = "server_error"
	overloaded     = "overloaded_error"
	rateLimit      = "rate_limit_error"
)

var table = [count]row{
	None:                    {name: "none"},
	RequestMalformed:        {"request_malformed", 400, invalidRequest, Client, RetryNo, 0, "the request breaks the rules of HTTP/1.1 or could be read in two ways", "send it as RFC 9112 says; the message names the rule"},
	AddressNotAllowed:       {"address_not_allowed", 403, authentication, Client, RetryNo, 0, "the request comes from an address that may not use the route", "call from another network, or have the address put into require.addresses of the route; behind a balancer apim-edge sees that of the balancer unless trusted_proxies has it"},
	HeaderNotAllowed:        {"header_not_allowed", 403, authentication, Client, RetryNo, 0, "a field that the route asks for is missing, stands there twice or has another value", "call through the front that sets it, or have its value put into require.headers of the route; the message names the field"},
	AmbiguousCredential:     {"ambiguous_credential", 400, authentication, Client, RetryNo, 0, "the request names several credentials of one kind", "send one; the message names the field and the SDK setting that doubles it"},
	MalformedCredential:     {"malformed_credential", 400, authentication, Client, RetryNo, 0, "a credential contains characters that none can contain, or is too long", "check for line ends, quotes and spaces that were copied along with the key"},
	CredentialMissing:       {"credential_missing", 401, authentication, Client, RetryNo, 0, "the request has no credential and the route asks for one", "send the subscription key as Authorization: Bearer <key>"},
	TokenMissing:            {"token_missing", 401, authentication, Client, RetryNo, 0, "the request has no token and the route asks for one", "send a token of the route's issuer as Authorization: Bearer <token>"},
	TokenInvalid:            {"token_invalid", 401, authentication, Client, RetryNo, 0, "the token is not one that the route accepts", "the message names the check that failed and what would pass"},
	TokenExpired:            {"token_expired", 401, authentication, Client, RetryNo, 0, "the token has expired", "get a new token; if it is new, compare the clocks"},
	ClientUnknown:           {"client_unknown", 401, authentication, Client, RetryNo, 0, "the key is none that this apim-edge has issued", "send the key that apim-edge key new has printed, as Authorization: Bearer <key>"},
	ClientExpired:           {"client_expired", 401, authentication, Client, RetryNo, 0, "the client's keys have expired", "ask the operator for a new key, or for a later date"},
	ClaimMissing:            {"claim_missing", 403, authentication, Client, RetryNo, 0, "the token is valid but lacks a claim that the route asks for", "the message names the claim and what would pass"},
	ClientNotAllowed:        {"client_not_allowed", 403, authentication, Client, RetryNo, 0, "the client is known but may not use this route", "have its id put into client_application_ids, or the route into its routes"},
	KeysUnavailable:         {"keys_unavailable", 503, overloaded, Edge, RetryYes, 5, "the keys of the token's issuer could not be had since the start", "wait and repeat; the operator sees in /readyz which issuer is meant"},
	RateLimited:             {"rate_limited", 429, rateLimit, Client, RetryYes, 1, "a limit of the route is reached", "wait as retry-after-ms or Retry-After says and repeat, or have limits of the route raised"},
	LimitsUnavailable:       {"limits_unavailable", 503, overloaded, Edge, RetryYes, 1, "the store in which replicas count in common is away, and nobody may pass without it (shared.closed)", "wait and repeat; the operator sees in the log why the store cannot be asked"},
	OriginNotAllowed:        {"origin_not_allowed", 403, invalidRequest, Client, RetryNo, 0, "a page whose origin is not allowed asks for a WebSocket", "add the origin to cors.allowed_origins of the route, if the page may call"},
	RouteNotFound:           {"route_not_found", 404, invalidRequest, Client, RetryNo, 0, "no route matches the host and path", "check base_url against path_prefix and host in the configuration"},
	BridgeImpossible:        {"bridge_impossible", 404, invalidRequest, Client, RetryNo, 0, "the upstream speaks another shape of the API, which has no such operation", "the message names the reason and what to do"},
	ModelNotFound:           {"model_not_found", 404, invalidRequest, Client, RetryNo, 0, "the request names a model that is not in the route's table", "GET /models lists the names; add the model to bridge.models of the route, if it exists"},
	ModelUnreadable:         {"model_unreadable", 400, invalidRequest, Client, RetryNo, 0, "the body does not name one model, and the route needs the name", "send one model, as a text, in a body that is JSON or multipart/form-data; the message says what was found"},
	ModelTooFar:             {"model_too_far", 413, invalidRequest, Client, RetryNo, 0, "the body does not name its model within the part that is held to find it", "put model before messages (openai-python from 3.24 does) and before files, or raise bridge.body_head of the route"},
	BodyEncoded:             {"body_encoded", 415, invalidRequest, Client, RetryNo, 0, "the body has a Content-Encoding, and the route has to read the model in it", "send the body without Content-Encoding"},
	MethodNotAllowed:        {"method_not_allowed", 405, invalidRequest, Client, RetryNo, 0, "CONNECT and TRACE are not forwarded", "use another method"},
	RequestTimeout:          {"request_timeout", 408, invalidRequest, Client, RetryUnsaid, 0, "the request did not arrive in time", "send it faster, or raise timeouts.client_head or timeouts.request_body_idle, or lower limits.slowest"},
	BodyTooLarge:            {"body_too_large", 413, invalidRequest, Client, RetryNo, 0, "the request body is larger than the limit", "send less, or raise limits.request_body"},
	URITooLong:              {"uri_too_long", 414, invalidRequest, Client, RetryNo, 0, "the request line is larger than the limit for the head", "shorten the URL, or raise limits.head"},
	ExpectationFailed:       {"expectation_failed", 417, invalidRequest, Client, RetryNo, 0, "Expect asks for something other than 100-continue", "send no Expect field, or 100-continue"},
	HeadTooLarge:            {"head_too_large", 431, invalidRequest, Client, RetryNo, 0, "the request head is larger than the limit", "send fewer or shorter fields, or raise limits.head"},
	Internal:                {"internal", 500, serverError, Edge, RetryNo, 0, "apim-edge has a fault", "report it with the request id and the log line"},
	CodingNotSupported:      {"coding_not_supported", 501, invalidRequest, Client, RetryNo, 0, "Transfer-Encoding names a coding other than chunked", "send the body chunked or with Content-Length"},
	VersionNotSupported:     {"version_not_supported", 505, invalidRequest, Client, RetryNo, 0, "the request is not HTTP/1.1 or HTTP/1.0", "use HTTP/1.1"},
	LoopDetected:            {"loop_detected", 508, serverError, Edge, RetryNo, 0, "the upstream leads back to this apim-edge", "look at the url of the upstream, and at what its name resolves to where apim-edge runs"},
	UpstreamUnresolved:      {"upstream_unresolved", 502, serverError, Upstream, RetryYes, 0, "the upstream's host name has no address", "check the URL of the upstream and DNS"},
	UpstreamConnectFailed:   {"upstream_connect_failed", 502, serverError, Upstream, RetryYes, 0, "no connection to the upstream; nothing was sent", "check that the upstream runs and that the network lets the edge through"},
	UpstreamTLSFailed:       {"upstream_tls_failed", 502, serverError, Upstream, RetryNo, 0, "TLS with the upstream failed; nothing ran there", "check tls.ca_file, tls.server_name, tls.cert_file and the upstream's certificate"},
	UpstreamClosedEarly:     {"upstream_closed_early", 502, serverError, Upstream, retryIdempotent, 0, "the upstream closed the connection before it answered; it may have begun to work", "look at the upstream; repeat the request only if it may run twice"},
	UpstreamInvalidResponse: {"upstream_invalid_response", 502, serverError, Upstream, RetryNo, 0, "the upstream's answer breaks the rules of HTTP/1.1", "look at the upstream; the log names the rule"},
	EdgeOverloaded:          {"edge_overloaded", 503, overloaded, Edge, RetryYes, 1, "a limit of apim-edge is reached", "wait and repeat, or raise limits.connections or limits.exchanges"},
	EdgeDraining:            {"edge_draining", 503, overloaded, Edge, RetryYes, 1, "this instance is shutting down", "repeat: another instance will answer"},
	UpstreamUnavailable:     {"upstream_unavailable", 503, overloaded, Edge, RetryYes, 1, "all connections that the upstream may have are in use, and none became free within timeouts.connect; nothing was sent", "wait and repeat, or raise max_connections of the upstream"},
	UpstreamsThrottled:      {"upstreams_throttled", 429, overloaded, Upstream, RetryYes, 1, "each upstream of the route has asked to be left alone for a while; nothing was sent", "wait as long as Retry-After says and repeat"},
	NoUpstreamCredential:    {"upstream_credential_missing", 503, serverError, Edge, RetryYes, 5, "the credential that apim-edge itself shows to the upstream cannot be had; nothing was sent", "look at /readyz and the log: they name its source and what is wrong with it"},
	UpstreamConnectTimeout:  {"upstream_connect_timeout", 504, serverError, Upstream, RetryYes, 0, "no connection to the upstream in time; nothing was sent", "check the network, or raise timeouts.connect or timeouts.tls_handshake"},
	UpstreamHeadTimeout:     {"upstream_head_timeout", 504, serverError, Upstream, retryIdempotent, 0, "the upstream sent no response head in time; it may still be working", "raise timeouts.response_head if the model thinks longer"},
	UpstreamStalled:         {"upstream_stalled", 504, serverError, Upstream, retryIdempotent, 0, "the upstream took no more of the request body in time; it may have begun to work", "look at the upstream, or raise timeouts.request_body_idle if it reads so slowly"},
	UpstreamAborted:         {"upstream_aborted", 0, serverError, Upstream, RetryUnsaid, 0, "the upstream ended its answer early; the client's connection was aborted", "look at the upstream"},
	ClientLeft:              {"client_left", 0, invalidRequest, Client, RetryUnsaid, 0, "the client closed its connection; the upstream was cancelled", "nothing"},
	ClientStalled:           {"client_stalled", 0, invalidRequest, Client, RetryUnsaid, 0, "the client took no byte in time; the exchange was aborted", "read faster, or raise timeouts.client_write_stall, or lower limits.slowest"},
	StreamIdle:              {"stream_idle", 0, serverError, Upstream, RetryUnsaid, 0, "the upstream sent no byte of the body in time; the exchange was aborted", "raise timeouts.stream_idle"},
	DrainAborted:            {"drain_aborted", 0, serverError, Edge, RetryUnsaid, 0, "the exchange was still running at the end of the drain", "raise timeouts.drain"},
}

// String returns the stable text of the code.
func (c Code) String() string { return table[c].name }

// Status returns the HTTP status to answer with, or 0 for a code that exists
// in logs and metrics only.
func (c Code) Status() int { return table[c].status }

// Type returns the OpenAI error type.
func (c Code) Type() string { return table[c].typ }

// Source returns the side on which the cause lies.
func (c Code) Source() Source { return table[c].source }

// Retry returns the hint for x-should-retry, to a request whose method is idempotent
// (RFC 9110 section 9.2.2) or is not.
func (c Code) Retry(idempotent bool) Retry {
	switch r := table[c].retry; {
	case r != retryIdempotent:
		return r
	case idempotent:
		return RetryYes
	}
	return RetryNo
}

// RetryAfter returns the seconds for Retry-After, 0 for none.
func (c Code) RetryAfter() int { return table[c].after }

// Meaning says in one line what happened.
func (c Code) Meaning() string { return table[c].meaning }

// Advice says in one line what to do about it.
func (c Code) Advice() string { return table[c].advice }

// Codes returns every code, in the order of the table.
func Codes() []Code {
	all := make([]Code, 0, count-1)
	for c := None + 1; c < count; c++ {
		all = append(all, c)
	}
	return all
}

// Error is the end of an exchange: what happened, and in which words for the client.
type Error struct {
	Code Code
	// Message is shown to the client. Empty: the code's meaning and advice.
	Message string
	// Err is the cause for the log; never shown to the client.
	Err error
	// Status replaces that of the code where an operator has chosen another one for a
	// refusal; 0: nobody has.
	Status int
	// After is when the same request may pass, where that is known better than by the
	// code; 0: it is not.
	After time.Duration
}

// Answer returns the status to answer with.
func (e *Error) Answer() int {
	if e.Status != 0 {
		return e.Status
	}
	return e.Code.Status()
}

// New returns an Error with a message for the client.
func New(code Code, message string) *Error { return &Error{Code: code, Message: message} }

// Wrap returns an Error with a cause for the log.
func Wrap(code Code, err error) *Error { return &Error{Code: code, Err: err} }

// Error returns the code and the cause.
func (e *Error) Error() string {
	text := e.Code.String()
	if e.Message != "" {
		text += ": " + e.Message
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// patience is how long SDKs wait at most: openai-node falls back to its own, shorter
// waits beyond it, and openai-python gives up at twice as much.
const patience = time.Minute

// Wait returns when the same request may pass; 0: nobody knows.
func (e *Error) Wait() time.Duration {
	if e.After > 0 {
		return e.After
	}
	return time.Duration(e.Code.RetryAfter()) * time.Second
}

// Retry returns the hint for x-should-retry. A request that may pass only later than SDKs
// wait is not to be sent again by them: they would come too early, several times.
func (e *Error) Retry(idempotent bool) Retry {
	if e.After > patience {
		return RetryNo
	}
	return e.Code.Retry(idempotent)
}

// Text returns what the client is told.
func (e *Error) Text() string {
	if e.Message != "" {
		return e.Message
	}
	return e.Code.Meaning() + "; " + e.Code.Advice()
}

// CodeOf returns the code of err: None for nil, Internal for a foreign error.
func CodeOf(err error) Code {
	if err == nil {
		return None
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return Internal
}
