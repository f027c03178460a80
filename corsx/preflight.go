package corsx

import (
	"net/http"
	"slices"
	"strings"
)

// PreflightRequest holds the values of the fields that decide a preflight.
type PreflightRequest struct {
	// Origin is the value of Origin.
	Origin []byte
	// Method is the value of Access-Control-Request-Method.
	Method []byte
	// Headers is the value of Access-Control-Request-Headers, several lines
	// joined by commas. Empty: the request has none.
	Headers []byte
	// PrivateNetwork says that Access-Control-Request-Private-Network is true.
	PrivateNetwork bool
}

// Why a preflight is refused, for the log and the metrics.
const (
	CauseOrigin = "origin"
	CauseMethod = "method"
	CauseHeader = "header"
)

// A browser asks for some ten names in 200 bytes. Beyond these bounds a list is
// refused before anything is split or sorted.
const (
	maxNames     = 64
	maxNameBytes = 4096
)

// preflightFields are the fields of an answer, in the order of writing. They
// are all that the library sets.
var preflightFields = [...]string{
	allowOrigin, allowMethods, allowHeaders, allowCreds, allowPrivate, maxAge, varyField,
}

// IsPreflight reports whether a request is a preflight: OPTIONS (methods are
// compared with case) with Origin and Access-Control-Request-Method. Any other
// OPTIONS is an ordinary request.
func IsPreflight(method []byte, hasOrigin, hasRequestMethod bool) bool {
	return hasOrigin && hasRequestMethod && string(method) == http.MethodOptions
}

// Preflight appends the CORS field lines of the answer to a preflight, Vary
// included. When it is refused, only the Vary line is appended, and cause says
// what stood in the way: CauseOrigin, CauseMethod or CauseHeader.
func (p *Policy) Preflight(dst []byte, r PreflightRequest) (out []byte, allowed bool, cause string) {
	if !p.Allows(r.Origin) {
		return append(dst, p.preflightVary...), false, CauseOrigin
	}
	if p.outcome(r.Method, r.Origin) == nil {
		return append(dst, p.preflightVary...), false, CauseMethod
	}
	names, ok := browserForm(r.Headers)
	if !ok {
		return append(dst, p.preflightVary...), false, CauseHeader
	}
	answer := p.ask(http.MethodOptions, question(r, names))
	if len(answer[allowOrigin]) == 0 {
		return append(dst, p.preflightVary...), false, CauseHeader
	}
	for _, name := range preflightFields {
		dst = append(dst, fieldLine(name, answer[name])...)
	}
	return dst, true, ""
}

func question(r PreflightRequest, names string) http.Header {
	fields := http.Header{
		originField:   {string(r.Origin)},
		requestMethod: {string(r.Method)},
	}
	if names != "" {
		fields[requestHeaders] = []string{names}
	}
	if r.PrivateNetwork {
		fields[requestPrivate] = []string{"true"}
	}
	return fields
}

// browserForm brings a list of field names into the form that browsers send
// and that the library insists on: lower case, sorted, each once, no spaces
// (Fetch standard, CORS-unsafe request-header names). A check written by hand
// with curl then gets the answer that a browser gets.
func browserForm(list []byte) (names string, ok bool) {
	if len(list) > maxNameBytes {
		return "", false
	}
	var sorted []string
	for name := range strings.SplitSeq(string(list), ",") {
		name = strings.Trim(name, " \t")
		if name == "" {
			continue // an empty member counts for nothing (RFC 9110 section 5.6.1)
		}
		// Before lowering: Unicode has letters whose lower case is ASCII.
		if !isToken(name) || len(sorted) == maxNames {
			return "", false
		}
		sorted = append(sorted, strings.ToLower(name))
	}
	slices.Sort(sorted)
	return strings.Join(slices.Compact(sorted), ","), true
}
