package corsx

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/apim-edge/apim-edge/internal/option"
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
func (o Options) Faults() option.Faults {
	var found option.Faults
	add := func(option string, i int, value string, f option.Fault) {
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
			add("exposed_headers", i, s, option.Fault{Text: wrongExposed})
		}
	}
	if 0 < o.MaxAge && o.MaxAge < time.Second {
		found = append(found, option.Fault{Key: "max_age", Text: wrongMaxAge})
	}
	return found
}

// checkCredentials refuses what would hand a person's cookies to every page. Any
// page can become null by a sandboxed frame, and file:// is every saved page.
func (o Options) checkCredentials(origin string) option.Fault {
	if o.AllowCredentials && (origin == "*" || origin == "null" || origin == "file://" || isAnyHost(origin)) {
		return option.Fault{Text: wrongCredentials}
	}
	return option.Fault{}
}

// isAnyHost reports whether an origin of the options fits every host of a scheme.
func isAnyHost(s string) bool {
	_, rest, _ := strings.Cut(s, "://")
	host, _, _ := cutPort(rest)
	return host == "*"
}

func checkMethod(s string) option.Fault {
	switch upper := strings.ToUpper(s); {
	case !isToken(s) || s == "*":
		return option.Fault{Want: wantMethod}
	case upper == "CONNECT" || upper == "TRACE" || upper == "TRACK": // Fetch standard, forbidden methods
		return option.Fault{Text: wrongMethod}
	case upper != s:
		return option.Fault{Text: wrongMethodCase, Meant: upper}
	}
	return option.Fault{}
}

func checkName(s string) option.Fault {
	switch {
	case !isToken(s):
		return option.Fault{Text: wrongName}
	case strings.Contains(s, "*") && s != "*":
		return option.Fault{Text: wrongFamily}
	}
	return option.Fault{}
}

var defaultPorts = map[string]string{"http": "80", "https": "443"}

// checkOrigin accepts what a browser or a shell of an app can send (RFC 6454
// section 7), and wildcards that cannot match a domain of somebody else.
func checkOrigin(s string) option.Fault {
	if s == "*" || s == "null" {
		return option.Fault{}
	}
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok || !isScheme(scheme) {
		return option.Fault{Text: wrongOrigin, Meant: meantOrigin(s)}
	}
	authority, _, hasPath := strings.Cut(rest, "/")
	if hasPath {
		return option.Fault{Text: wrongPath, Meant: scheme + "://" + authority}
	}
	// Hosts of other schemes keep the case in which they were made.
	if lower := strings.ToLower(s); lower != s && (ofTheWeb(scheme) || !strings.HasPrefix(lower, scheme)) {
		return option.Fault{Text: wrongCase, Meant: lower}
	}
	host, port, hasPort := cutPort(authority)
	sample := strings.Replace(strings.Replace(s, ":*", ":1", 1), "*", "x", 1)
	switch {
	case hasPort && port == defaultPorts[scheme]:
		return option.Fault{Text: fmt.Sprintf(wrongDefaultPort, port, scheme), Meant: scheme + "://" + host}
	case strings.Count(authority, "*") > 1:
		return option.Fault{Text: wrongStars}
	case hasPort && port != "*" && !isPort(port):
		return option.Fault{Text: wrongPort}
	case !wellFormed([]byte(sample)), ofTheWeb(scheme) && !hostIs(strings.Replace(host, "*", "x", 1)):
		return option.Fault{Text: wrongOrigin}
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
func checkWildcard(host string) option.Fault {
	_, after, found := strings.Cut(host, "*")
	if !found || host == "*" || strings.HasPrefix(after, ".") || strings.Count(after, ".") > 1 {
		return option.Fault{}
	}
	return option.Fault{Text: wrongWildcard}
}
