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
// included. When it is refused, cause says what stood in the way: CauseOrigin,
// CauseMethod or CauseHeader. A page whose origin is allowed is told what it may
// ask for, so that its browser names the method or the field and not the origin.
func (p *Policy) Preflight(dst []byte, r PreflightRequest) (out []byte, allowed bool, cause string) {
	if !p.Allows(r.Origin) {
		return append(dst, p.preflightVary...), false, CauseOrigin
	}
	if p.outcome(r.Method, r.Origin) == nil {
		if isToken(r.Method) && !safelisted(r.Method) {
			dst = p.appendOffer(dst, r.Origin)
		}
		return append(dst, p.preflightVary...), false, CauseMethod
	}
	names, ok := browserForm(r.Headers)
	if !ok {
		return append(dst, p.preflightVary...), false, CauseHeader
	}
	answer := p.ask(http.MethodOptions, question(r, names))
	if len(answer[allowOrigin]) == 0 {
		return append(p.appendOffer(dst, r.Origin), p.preflightVary...), false, CauseHeader
	}
	for _, name := range preflightFields {
		dst = append(dst, fieldLine(name, answer[name])...)
	}
	return dst, true, ""
}

// safelisted reports whether browsers send a method whatever the answer lists
// (Fetch standard, CORS-safelisted method): to refuse one, nothing may be offered.
func safelisted(method []byte) bool {
	switch string(method) {
	case http.MethodGet, http.MethodHead, http.MethodPost:
		return true
	}
	return false
}

// appendOffer appends what a page of an allowed origin may ask for. It permits
// nothing to a page that has asked for something else: its browser compares, and
// keeps no answer that did not fit.
func (p *Policy) appendOffer(dst []byte, origin []byte) []byte {
	if o := p.outcome([]byte(http.MethodOptions), origin); o != nil {
		dst = append(dst, o.fields...)
	}
	return append(dst, p.offer...)
}

// Unlisted returns what a preflight that was refused for this cause has asked for
// in vain: the method, or the names of fields. It is empty for an origin, and for a
// list that is none or is too long.
func (p *Policy) Unlisted(r PreflightRequest, cause string) string {
	switch cause {
	case CauseMethod:
		return string(r.Method)
	case CauseHeader:
		names, _ := browserForm(r.Headers)
		return strings.Join(slices.DeleteFunc(strings.Split(names, ","), func(name string) bool {
			_, listed := slices.BinarySearch(p.fields, name)
			return listed
		}), ",")
	}
	return ""
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
