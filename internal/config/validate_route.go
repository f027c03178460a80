package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

func (v *checker) routes() {
	if len(v.config.Routes) == 0 && len(v.config.Upstreams) > 1 {
		v.fault("routes", "", "no route is named, and there are several upstreams to choose from", "")
	}
	taken := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(v.config.Routes)) {
		key, r := child("routes", name), v.config.Routes[name]
		v.routeUpstream(child(key, "upstream"), r.Upstream)
		v.pathPrefix(child(key, "path_prefix"), r.PathPrefix)
		v.stripPrefix(child(key, "strip_prefix"), r)
		if r.Host != "" {
			v.host(child(key, "host"), r.Host)
		}
		place := r.Host + r.PathPrefix
		if first, ok := taken[place]; ok {
			v.fault(child(key, "path_prefix"), show(place), fmt.Sprintf("routes.%s has the same host and path_prefix", first), "")
		}
		taken[place] = name
		v.credential(child(key, "credential"), r.Credential)
		v.cors(child(key, "cors"), r.CORS)
	}
}

func (v *checker) routeUpstream(key, name string) {
	known := slices.Sorted(maps.Keys(v.config.Upstreams))
	if _, ok := v.config.Upstreams[name]; ok || len(known) == 0 {
		return
	}
	if name == "" {
		v.wrong(key, "no upstream", oneOf(known), "")
		return
	}
	at := v.at(key)
	p := Problem{File: at.file, Line: at.line, Key: key, Found: name, Allowed: oneOf(known)}
	p.Text = "no upstream named " + show(name)
	if meant := nearest(name, known); meant != "" {
		p.Text += didYouMean(meant)
	} else {
		p.Text += "; there is " + strings.Join(known, ", ")
	}
	v.problems = append(v.problems, p)
}

// pathPrefix reports a prefix that is none, or that an upstream could not tell
// from another one.
func (v *checker) pathPrefix(key, prefix string) {
	fault := pathFault(prefix)
	for segment := range strings.SplitSeq(prefix, "/") {
		if fault == "" && strings.HasSuffix(segment, ".") {
			fault = "a path prefix has no dot at the end of a segment, which some servers drop"
		}
	}
	v.fault(key, show(prefix), fault, meantPath(prefix))
}

// meantPath puts the missing slash in front.
func meantPath(path string) string {
	if meant := "/" + path; pathFault(path) != "" && pathFault(meant) == "" {
		return meant
	}
	return ""
}

func (v *checker) stripPrefix(key string, r Route) {
	if r.StripPrefix == "" || r.StripPrefix == "/" {
		return
	}
	if fault := pathFault(r.StripPrefix); fault != "" {
		v.fault(key, show(r.StripPrefix), fault, meantPath(r.StripPrefix))
		return
	}
	if rest, ok := strings.CutPrefix(r.PathPrefix, r.StripPrefix); !ok || rest != "" && rest[0] != '/' {
		v.fault(key, show(r.StripPrefix), "only path_prefix ("+r.PathPrefix+") or its first segments can be taken off", "")
	}
}

// notForKeys are fields that the edge or HTTP itself sets or takes off; a key
// in one of them would get lost or break the message.
var notForKeys = []string{
	"connection", "content-encoding", "content-length", "content-type", "cookie", "expect", "forwarded", "host",
	"keep-alive", "origin", "proxy-authorization", "proxy-connection", "te", "trailer", "traceparent",
	"transfer-encoding", "upgrade", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-request-id",
}

func (v *checker) credential(key string, c Credential) {
	v.keyField(child(key, "header"), c.Header)
	v.keyValue(child(key, "value"), c)
	seen := map[string]bool{}
	for i, name := range c.Aliases {
		sub := element(child(key, "aliases"), i)
		v.keyField(sub, name)
		if strings.EqualFold(name, "authorization") {
			v.fault(sub, "", "Authorization is looked at anyway and is no alias", "")
		}
		v.once(sub, strings.ToLower(name), seen)
	}
	clear(seen)
	for i, name := range c.QueryAliases {
		sub := element(child(key, "query_aliases"), i)
		if name == "" || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`&=#%+?`, r) }) {
			v.fault(sub, "", "a query parameter's name is written without spaces and without & = # % + ?", "")
		}
		v.once(sub, name, seen)
	}
}

// keyField checks the name of a field for keys. The name is not repeated:
// people paste the key itself here.
func (v *checker) keyField(key, name string) {
	v.fieldName(key, name)
	if slices.Contains(notForKeys, strings.ToLower(name)) || strings.HasPrefix(strings.ToLower(name), "x-apim-edge-") {
		v.fault(key, show(name), "this field has another use and cannot hold a key", "")
	}
}

func (v *checker) fieldName(key, name string) {
	if !isToken(name) {
		v.fault(key, "", "a field name holds letters, digits and !#$%&'*+-.^_`|~ only (RFC 9110 5.6.2)", "")
	}
}

func (v *checker) once(key, name string, seen map[string]bool) {
	if seen[name] {
		v.fault(key, "", "the name stands in the list already", "")
	}
	seen[name] = true
}

func (v *checker) keyValue(key string, c Credential) {
	fault := ""
	switch before, after, _ := strings.Cut(c.Value, keyMark); {
	case strings.Count(c.Value, keyMark) != 1:
		fault = "the value has {key} once, as in Bearer {key}; keys themselves do not belong here"
	case strings.ContainsFunc(c.Value, func(r rune) bool { return r < ' ' || r > '~' }):
		fault = "the value holds printable ASCII only"
	case strings.HasPrefix(before, " ") || strings.HasSuffix(after, " "):
		fault = "the value has no space at its beginning or end"
	case strings.EqualFold(c.Header, "authorization") && !strings.HasSuffix(before, " "):
		fault = "Authorization needs a scheme in front of the key, as in Bearer {key}"
	}
	v.fault(key, "", fault, "")
}

func (v *checker) cors(key string, c CORS) {
	for i, name := range c.AllowedOrigins {
		sub := element(child(key, "allowed_origins"), i)
		fault, meant := originFault(name)
		v.fault(sub, show(name), fault, meant)
		if c.AllowCredentials && (name == "*" || name == "null" || strings.HasSuffix(name, "://*")) {
			v.fault(sub, show(name), "with allow_credentials origins must be named; any page could act as the user", "")
		}
	}
	for i, method := range c.AllowedMethods {
		sub := element(child(key, "allowed_methods"), i)
		switch upper := strings.ToUpper(method); {
		case !isToken(method) || method == "*":
			v.wrong(sub, show(method), "a method, such as GET", "")
		case upper == "CONNECT" || upper == "TRACE":
			v.fault(sub, show(method), "browsers and apim-edge refuse this method", "")
		case upper != method:
			v.fault(sub, show(method), "methods are in upper case", upper)
		}
	}
	for i, name := range c.AllowedHeaders {
		sub := element(child(key, "allowed_headers"), i)
		v.fieldName(sub, name)
		if strings.Contains(name, "*") && name != "*" {
			v.fault(sub, show(name), "fields are named one by one, or all by a single *", "")
		}
	}
	for i, name := range c.ExposedHeaders {
		sub := element(child(key, "exposed_headers"), i)
		v.fieldName(sub, name)
		if strings.Contains(name, "*") {
			v.fault(sub, show(name), "fields to expose are named one by one", "")
		}
	}
}
