package corsx

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Complete returns the options with the default of everything that they leave open.
func (o Options) Complete() Options {
	if o.AllowedMethods == nil {
		o.AllowedMethods = slices.Clone(defaultMethods)
	}
	if o.MaxAge == 0 {
		o.MaxAge = defaultMaxAge
	}
	return o
}

// RequestFields returns the names of the request fields that pages may send, in lower case
// and sorted. Where AllowedHeaders has "*", every other one may be sent as well.
func (o Options) RequestFields() []string { return lowerNames(sdkRequestFields, o.AllowedHeaders) }

// ResponseFields returns the names of the response fields that pages may read, families
// aside (Family). Where ExposedHeaders has "*", every other one may be read as well.
func (o Options) ResponseFields() []string { return lowerNames(sdkResponseFields, o.ExposedHeaders) }

func lowerNames(lists ...[]string) []string {
	var names []string
	for _, name := range slices.Concat(lists...) {
		if name != "*" {
			names = append(names, strings.ToLower(name))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Fault is one mistake in Options.
type Fault struct {
	// Key is the option as the configuration spells it, an element by its
	// position: allowed_origins[0].
	Key string
	// Found is the value, where it may be shown.
	Found string
	// Text says what is wrong with the value. Want says what may stand there,
	// where that is all there is to say. One of the two is set.
	Text, Want string
	// Meant is a likely correction, or empty.
	Meant string
}

// Error implements error.
func (f Fault) Error() string {
	text := f.Key + ": "
	if f.Found != "" {
		text += "found " + strconv.Quote(f.Found) + ", "
	}
	switch {
	case f.Want != "":
		text += "want " + f.Want
	case f.Found != "":
		text += "but " + f.Text
	default:
		text += f.Text
	}
	if f.Meant != "" {
		text += "; did you mean " + strconv.Quote(f.Meant) + "?"
	}
	return text
}

// The texts of faults.
const (
	wrongOrigin      = "an origin is scheme://host or scheme://host:port"
	wrongPath        = "an origin has no path, also no slash at its end"
	wrongCase        = "browsers send origins in lower case"
	wrongDefaultPort = "browsers leave out port %s of %s"
	wrongStars       = "an origin has one * at most"
	wrongPort        = "the port is no number"
	wrongWildcard    = "the * also allows names that anybody can register; write *. in front of a domain"
	wrongCredentials = "with allow_credentials origins must be named; any page could act as the user"
	wantMethod       = "a method, such as GET"
	wrongMethod      = "browsers and apim-edge refuse this method"
	wrongMethodCase  = "methods are in upper case"
	wrongName        = "a field name holds letters, digits and !#$%&'*+-.^_`|~ only (RFC 9110 5.6.2)"
	wrongFamily      = "fields are named one by one, or all by a single *"
	wrongExposed     = "fields to expose are named one by one with allow_credentials: there browsers take * for a name"
	wrongMaxAge      = "browsers count whole seconds; write 1s or more, or 0 for not at all"
)

// Faults returns every mistake in the options.
func (o Options) Faults() []Fault {
	var found []Fault
	add := func(option string, i int, value string, f Fault) {
		if f.Text+f.Want != "" {
			f.Key = option + "[" + strconv.Itoa(i) + "]"
			if f.Text != wrongName { // what is no name may be a key that was pasted
				f.Found = value
			}
			found = append(found, f)
		}
	}
	for i, s := range o.AllowedOrigins {
		add("allowed_origins", i, s, checkOrigin(s))
		add("allowed_origins", i, s, o.checkCredentials(s))
	}
	for i, s := range o.AllowedMethods {
		add("allowed_methods", i, s, checkMethod(s))
	}
	for i, s := range o.AllowedHeaders {
		add("allowed_headers", i, s, checkName(s))
	}
	for i, s := range o.ExposedHeaders {
		add("exposed_headers", i, s, checkName(s))
		if s == "*" && o.AllowCredentials {
			add("exposed_headers", i, s, Fault{Text: wrongExposed})
		}
	}
	if 0 < o.MaxAge && o.MaxAge < time.Second {
		found = append(found, Fault{Key: "max_age", Text: wrongMaxAge})
	}
	return found
}

// join makes one error of all faults.
func join(faults []Fault) error {
	var errs []error
	for _, f := range faults {
		errs = append(errs, f)
	}
	return errors.Join(errs...)
}

// checkCredentials refuses what would hand a person's cookies to every page. Any
// page can become null by a sandboxed frame, and file:// is every saved page.
func (o Options) checkCredentials(origin string) Fault {
	if o.AllowCredentials && (origin == "*" || origin == "null" || origin == "file://" || isAnyHost(origin)) {
		return Fault{Text: wrongCredentials}
	}
	return Fault{}
}

// isAnyHost reports whether an origin of the options fits every host of a scheme.
func isAnyHost(s string) bool {
	_, rest, _ := strings.Cut(s, "://")
	host, _, _ := cutPort(rest)
	return host == "*"
}

func checkMethod(s string) Fault {
	switch upper := strings.ToUpper(s); {
	case !isToken(s) || s == "*":
		return Fault{Want: wantMethod}
	case upper == "CONNECT" || upper == "TRACE" || upper == "TRACK": // Fetch standard, forbidden methods
		return Fault{Text: wrongMethod}
	case upper != s:
		return Fault{Text: wrongMethodCase, Meant: upper}
	}
	return Fault{}
}

func checkName(s string) Fault {
	switch {
	case !isToken(s):
		return Fault{Text: wrongName}
	case strings.Contains(s, "*") && s != "*":
		return Fault{Text: wrongFamily}
	}
	return Fault{}
}

var defaultPorts = map[string]string{"http": "80", "https": "443"}

// checkOrigin accepts what a browser or a shell of an app can send (RFC 6454
// section 7), and wildcards that cannot match a domain of somebody else.
func checkOrigin(s string) Fault {
	if s == "*" || s == "null" {
		return Fault{}
	}
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok || !isScheme(scheme) {
		return Fault{Text: wrongOrigin, Meant: meantOrigin(s)}
	}
	authority, _, hasPath := strings.Cut(rest, "/")
	if hasPath {
		return Fault{Text: wrongPath, Meant: scheme + "://" + authority}
	}
	// Hosts of other schemes keep the case in which they were made.
	if lower := strings.ToLower(s); lower != s && (ofTheWeb(scheme) || !strings.HasPrefix(lower, scheme)) {
		return Fault{Text: wrongCase, Meant: lower}
	}
	host, port, hasPort := cutPort(authority)
	sample := strings.Replace(strings.Replace(s, ":*", ":1", 1), "*", "x", 1)
	switch {
	case hasPort && port == defaultPorts[scheme]:
		return Fault{Text: fmt.Sprintf(wrongDefaultPort, port, scheme), Meant: scheme + "://" + host}
	case strings.Count(authority, "*") > 1:
		return Fault{Text: wrongStars}
	case hasPort && port != "*" && !isPort(port):
		return Fault{Text: wrongPort}
	case !wellFormed([]byte(sample)), ofTheWeb(scheme) && !hostIs(strings.Replace(host, "*", "x", 1)):
		return Fault{Text: wrongOrigin}
	}
	return checkWildcard(host)
}

// meantOrigin puts the scheme in front of a host that stands alone.
func meantOrigin(s string) string {
	host, _, _ := cutPort(s)
	switch {
	case !hostIs(host) || !wellFormed([]byte("https://"+s)):
		return ""
	case host == "localhost" || strings.HasPrefix(host, "127.") || host == "[::1]":
		return "http://" + s
	}
	return "https://" + s
}

// hostIs reports whether a page of the web can have this host. What ends in a number
// is an address, or nothing.
func hostIs(host string) bool {
	last := host[strings.LastIndexByte(host, '.')+1:]
	if bare := strings.Trim(host, "[]"); bare != host || last != "" && strings.Trim(last, "0123456789") == "" {
		_, err := netip.ParseAddr(bare)
		return err == nil
	}
	return wellFormed([]byte("https://" + host))
}

// checkWildcard accepts one * in the host where it says what it does. The library
// only compares what stands before and after the *, so that https://*example.com
// would match https://evilexample.com.
func checkWildcard(host string) Fault {
	_, after, found := strings.Cut(host, "*")
	if !found || host == "*" || strings.HasPrefix(after, ".") || strings.Count(after, ".") > 1 {
		return Fault{}
	}
	return Fault{Text: wrongWildcard}
}
