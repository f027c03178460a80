package carryover

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// head stands at the top of what is written.
const head = `# Written by apim-edge import. The comment at a line says where it comes from.
# What is not here, and why, is in the list that import prints: read that first.
`

// write makes the configuration of what was carried over.
func (c *conversion) write() string {
	top, routes := newSection(), newSection()
	u := &upstreams{all: newSection(), names: map[string]string{}, taken: map[string]bool{}}
	nobody := false
	paths := map[string]string{}
	for _, r := range c.routes {
		if first, twice := paths[r.prefix.value]; twice {
			r.remark(Left, "the path "+r.prefix.value, "the route "+first+" has it already: two APIs or operations of one path; give each its own (--api PATH=FILE)", Unknown)
			continue
		}
		paths[r.prefix.value] = r.name
		names := u.of(r)
		routes.under(r.name, r.write(names), "")
		r.keysOf(names)
		client, _ := r.who()
		nobody = nobody || client
	}
	top.under("upstreams", u.all, "")
	policies := newSection()
	for _, t := range c.policies {
		policies.under(t.name, t.write(), t.from)
	}
	top.under("token_policies", policies, "")
	if nobody {
		list := top.below("clients", "")
		list.below("replace-me", "lets nobody in; apim-edge key new NAME makes a key and its line").
			list("keys", []string{"sha256:" + strings.Repeat("0", 64)}, "")
	}
	top.under("routes", routes, "")
	if top.empty() {
		return ""
	}
	return head + top.String()
}

// ofUpstream begins the keys of items that are keys of the route's upstreams.
const ofUpstream = "upstreams.*."

// keysOf names the upstreams in the keys of items, now that they have names.
func (r *route) keysOf(upstreams []string) {
	for _, item := range r.items {
		if !slices.Contains(item.Routes, r.name) {
			continue
		}
		var keys []string
		for _, key := range item.Keys {
			rest, found := strings.CutPrefix(key, ofUpstream)
			keys = append(keys, key)
			for _, name := range upstreams {
				if named := "upstreams." + name + "." + rest; found && !slices.Contains(keys, named) {
					keys = append(keys, named)
				}
			}
		}
		item.Keys = keys
	}
}

// dropOpenKeys takes the keys off that stand for those of upstreams.
func (c *conversion) dropOpenKeys() {
	for _, item := range c.items {
		item.Keys = slices.DeleteFunc(item.Keys, func(key string) bool { return strings.HasPrefix(key, ofUpstream) })
	}
}

// upstreams are those of all routes; two routes to the same share one.
type upstreams struct {
	all   section
	names map[string]string // by all settings
	taken map[string]bool
}

// of writes the upstreams of a route and returns their names.
func (u *upstreams) of(r *route) []string {
	var names []string
	for _, t := range r.targets {
		s := r.upstream(t)
		settings := s.bare()
		name, known := u.names[settings]
		if !known {
			first, _, _ := strings.Cut(hostOf(t.url), ".")
			name = free(named(first, "upstream"), u.taken)
			u.names[settings] = name
			u.all.under(name, s, "")
		}
		names = append(names, name)
	}
	return names
}

// bare is the section without comments.
func (s section) bare() string {
	var out strings.Builder
	for _, n := range s.node.Content {
		out.WriteString(n.Value + "\x00")
		if len(n.Content) > 0 {
			out.WriteString(section{n}.bare() + "\x01")
		}
	}
	return out.String()
}

func (r *route) upstream(t target) section {
	s := newSection()
	address := t.url
	if r.suffix != nil {
		address, t.from = joined(t.url, r.suffix.value), t.from+", "+r.suffix.from
	}
	s.text("url", address, t.from)
	if r.preserveHost != nil {
		s.plain("preserve_host", r.preserveHost.value, r.preserveHost.from)
	}
	auth := newSection()
	if k := r.key; k != nil {
		auth.text("header", k.value.header, k.from)
		auth.text("value", k.value.ref, k.from)
	} else if i := r.identity; i != nil {
		id := auth.below("managed_identity", i.from)
		id.text("resource", i.value.resource, i.from)
		if i.value.client != "" {
			id.text("client_id", i.value.client, i.from)
		}
	}
	s.under("auth", auth, "")
	return s
}

// write returns the section of the route.
func (r *route) write(upstreams []string) section {
	s := newSection()
	s.text("path_prefix", r.prefix.value, r.prefix.from)
	if r.strip.value != "/" {
		s.text("strip_prefix", r.strip.value, r.strip.from)
	}
	r.writeUpstreams(s, upstreams)
	s.under("query", r.writeQuery(), "")
	r.writeAccess(s)
	credential := newSection()
	header := r.credential.header
	if header.value == "" {
		header = sourced[string]{r.keyHeader(), "the API's key field"}
	}
	credential.text("header", header.value, header.from)
	if v := r.credential.value; v.value != "" {
		credential.text("value", v.value, v.from)
	}
	if reject := r.credential.reject; reject != nil {
		credential.text("on_missing", reject.value, reject.from)
	}
	s.under("credential", credential, "")
	if r.cors != nil {
		s.under("cors", r.cors.write(), r.cors.from)
	}
	if r.timeout != nil {
		s.below("timeouts", r.timeout.from).plain("response_head", r.timeout.value, r.timeout.from)
	}
	if len(r.limits) > 0 {
		limits := s.below("limits", r.limits[0].from)
		for _, l := range r.limits {
			limits.plain(l.key, l.value, l.from)
		}
	}
	return s
}

func (r *route) writeUpstreams(s section, names []string) {
	if len(names) == 1 {
		s.text("upstream", names[0], r.targets[0].from)
		return
	}
	list := newSection()
	seen := map[string]bool{}
	for i, t := range r.targets {
		if seen[names[i]] {
			continue
		}
		seen[names[i]] = true
		one := newSection()
		one.text("name", names[i], t.from)
		one.plain("priority", strconv.Itoa(t.priority), t.from)
		one.plain("weight", strconv.Itoa(t.weight), t.from)
		list.node.Content = append(list.node.Content, one.node)
	}
	list.node.Kind = sequence
	s.add("upstreams", list.node, "")
	if r.sticky != nil {
		s.text("sticky", r.sticky.value, r.sticky.from)
	}
	if r.failover != nil {
		s.below("failover", r.failover.from).list("on", r.failover.value, r.failover.from)
	}
}

// writeAccess writes who may pass.
func (r *route) writeAccess(s section) {
	require := newSection()
	client, match := r.who()
	if len(r.tokens) > 0 {
		require.list("token", r.tokens, r.policyFrom(r.tokens[0]))
	}
	if client {
		from := r.orKey
		if len(r.closed) > 0 {
			from = "closed until this is dealt with: " + r.closed[0]
		}
		require.plain("client", "true", from)
	}
	if match != "" {
		require.text("match", match, "")
	}
	require.under("addresses", r.addresses.write(), "")
	require.under("headers", r.headers.write(), "")
	s.under("require", require, "")
	if len(r.tokens) == 0 && !client && r.ownCredential() {
		s.plain("open", "true", "the API asks for no subscription key: "+r.api.From)
	}
	if len(r.claims) > 0 {
		claims := s.below("forward_claims", r.claims[0].from)
		for _, c := range r.claims {
			claims.text(c.name, c.field, c.from)
		}
	}
}

func (c *conversion) policyFrom(name string) string {
	for _, t := range c.policies {
		if t.name == name {
			return t.from
		}
	}
	return ""
}

func (c *corsPolicy) write() section {
	s := newSection()
	s.list("allowed_origins", c.origins.value, c.origins.from)
	if len(c.methods.value) > 0 {
		s.list("allowed_methods", distinct(c.methods.value), c.methods.from)
	}
	if len(c.headers.value) > 0 {
		s.list("allowed_headers", c.headers.value, c.headers.from)
	}
	if len(c.exposed.value) > 0 {
		s.list("exposed_headers", c.exposed.value, c.exposed.from)
	}
	if c.credentials.value != "" {
		s.plain("allow_credentials", c.credentials.value, c.credentials.from)
	}
	s.plain("max_age", c.maxAge.value, c.maxAge.from)
	if w := c.withhold; w != nil {
		s.plain("withhold_origin", w.value, w.from)
	}
	return s
}

func distinct(values []string) []string {
	var all []string
	seen := map[string]bool{}
	for _, v := range values {
		if !seen[v] {
			all = append(all, v)
		}
		seen[v] = true
	}
	return all
}

func (t *tokenPolicy) write() section {
	s, o := newSection(), t.options
	from := func(key string) string {
		if at := t.places[key]; at != "" {
			return at
		}
		return t.from
	}
	if o.TenantID != "" {
		s.text("tenant_id", o.TenantID, t.from)
	}
	if o.Cloud != "" {
		s.text("cloud", o.Cloud, t.from)
	}
	for _, l := range []struct {
		key    string
		values []string
	}{{"openid_configs", o.OpenIDConfigs}, {"issuers", o.Issuers}, {"audiences", o.Audiences}, {"client_application_ids", o.ClientApplicationIDs}} {
		if len(l.values) > 0 {
			s.list(l.key, l.values, from(l.key))
		}
	}
	claims := newSection()
	for _, name := range t.claims {
		c := o.RequiredClaims[name]
		one := claims.below(name, from("required_claims"))
		one.list("values", c.Values, from("required_claims"))
		one.text("match", c.Match, from("required_claims"))
		if c.Separator != "" {
			one.text("separator", c.Separator, from("required_claims"))
		}
	}
	s.under("required_claims", claims, from("required_claims"))
	if o.AllowNoExpiration {
		s.plain("require_expiration", "false", t.from)
	}
	if t.skew != "" {
		s.plain("clock_skew", t.skew, t.from)
	}
	if o.Header != "" {
		s.text("header", o.Header, t.from)
	}
	if o.Query != "" {
		s.text("query", o.Query, t.from)
	}
	failed := newSection()
	if o.FailedStatus != 0 {
		failed.plain("status", fmt.Sprint(o.FailedStatus), t.from)
	}
	if o.FailedMessage != "" {
		failed.text("message", o.FailedMessage, t.from)
	}
	s.under("failed", failed, t.from)
	return s
}
