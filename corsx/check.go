package corsx

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// check returns every fault of the options at once.
func check(o Options) error {
	var faults []error
	for _, s := range o.AllowedOrigins {
		faults = append(faults, checkOrigin(s))
	}
	for _, s := range o.AllowedMethods {
		faults = append(faults, checkMethod(s))
	}
	for _, s := range o.AllowedHeaders {
		faults = append(faults, checkName("allowed_headers", s))
	}
	for _, s := range o.ExposedHeaders {
		faults = append(faults, checkName("exposed_headers", s))
	}
	if o.AllowCredentials {
		faults = append(faults, checkCredentials(o))
	}
	if 0 < o.MaxAge && o.MaxAge < time.Second {
		faults = append(faults, fmt.Errorf("max_age: %v is less than browsers can count; write 1s or more", o.MaxAge))
	}
	return errors.Join(faults...)
}

// checkCredentials refuses what would hand a person's cookies to every page,
// and what browsers refuse for that reason.
func checkCredentials(o Options) error {
	const list = "list the origins, or set allow_credentials: false (the OpenAI SDKs do not need it)"
	switch {
	case slices.Contains(o.AllowedOrigins, "*"):
		return fmt.Errorf(`allow_credentials: true together with allowed_origins "*" is refused by browsers; %s`, list)
	case slices.ContainsFunc(o.AllowedOrigins, isAnyHost):
		return fmt.Errorf(`allow_credentials: true together with a whole host as wildcard in allowed_origins would allow every page; %s`, list)
	case slices.Contains(o.AllowedOrigins, "null"):
		return fmt.Errorf(`allow_credentials: true together with allowed_origins "null" would allow every page, because any page can become null by a sandboxed frame; %s`, list)
	case slices.Contains(o.ExposedHeaders, "*"):
		return errors.New(`exposed_headers: "*" has no meaning to browsers together with allow_credentials: true; list the fields`)
	}
	return nil
}

// isAnyHost tells whether an origin of the options fits every host of a scheme.
func isAnyHost(s string) bool {
	_, rest, _ := strings.Cut(s, "://")
	host, _, _ := cutPort(rest)
	return host == "*"
}

func checkMethod(s string) error {
	switch {
	case s == "*":
		return errors.New(`allowed_methods: "*" is no method; list them, for example GET and POST`)
	case !isToken(s):
		return fmt.Errorf("allowed_methods: %q is no method; methods look like GET or POST", s)
	case s != strings.ToUpper(s):
		return fmt.Errorf("allowed_methods: %q has lower-case letters, and methods are compared with case; write %q", s, strings.ToUpper(s))
	}
	return nil
}

func checkName(option, s string) error {
	switch {
	case s == "*":
		return nil
	case !isToken(s):
		return fmt.Errorf("%s: %q is no field name; names look like x-request-id", option, s)
	case strings.Contains(s, "*"):
		return fmt.Errorf(`%s: %q has a wildcard in a name; list each name, or write "*" for all fields`, option, s)
	}
	return nil
}

// checkOrigin accepts what a browser can send, and wildcards that cannot match
// a domain of somebody else.
func checkOrigin(s string) error {
	scheme, rest, ok := strings.Cut(s, "://")
	host := rest
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		host = rest[:i]
	}
	switch {
	case s == "*" || s == "null":
		return nil
	case s == "":
		return originFault(s, "is empty", "")
	case strings.ContainsAny(s, " \t,"):
		return originFault(s, "holds a space or a comma", "")
	case !ok:
		return originFault(s, "has no scheme", "")
	case host != rest && host+"/" == rest:
		return originFault(s, "ends with a slash", scheme+"://"+host)
	case host != rest:
		return originFault(s, "has a path or query", scheme+"://"+host)
	case strings.Contains(rest, "@"):
		return originFault(s, "holds user information", "")
	case s != strings.ToLower(s):
		return originFault(s, "has upper-case letters, which browsers never send", strings.ToLower(s))
	}
	if bare, found := strings.CutSuffix(s, defaultPorts[scheme]); found && bare != s {
		return originFault(s, "names the default port, which browsers leave out", bare)
	}
	if strings.Contains(s, "*") {
		return checkWildcard(s, rest)
	}
	if !wellFormed([]byte(s)) {
		return originFault(s, "is no origin (a name outside ASCII is written as xn--...)", "")
	}
	return nil
}

var defaultPorts = map[string]string{"http": ":80", "https": ":443"}

// checkWildcard accepts one * in the host or for the port, where it says what
// it does. The library only compares what stands before and after the *, so
// that https://*example.com would match https://evilexample.com.
func checkWildcard(s, rest string) error {
	host, port, hasPort := cutPort(rest)
	before, after, found := strings.Cut(host, "*")
	label, domain, _ := strings.Cut(after, ".")
	switch {
	case strings.Count(s, "*") > 1:
		return originFault(s, "has more than one wildcard", "")
	case hasPort && port == "*" && wellFormed([]byte(strings.TrimSuffix(s, ":*"))):
		return nil
	case !found:
		return originFault(s, "has its wildcard in a place where none is allowed", "")
	case before+after == "": // the whole host: any page of the scheme, and it says so
	case domain == "" || label != "" && !strings.Contains(domain, "."):
		return originFault(s, "has a wildcard that matches domains of others; put *. in front of a domain", "")
	}
	if !wellFormed([]byte(strings.Replace(s, "*", "x", 1))) {
		return originFault(s, "is no origin", "")
	}
	return nil
}

func originFault(s, what, write string) error {
	text := "an origin is scheme://host or scheme://host:port, for example https://chat.example.com"
	if write != "" {
		text = fmt.Sprintf("write %q", write)
	}
	return fmt.Errorf("allowed_origins: %q %s; %s", s, what, text)
}
