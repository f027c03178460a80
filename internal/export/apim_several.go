package export

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// pools reports whether the upstreams of the route can be backend entities of one pool:
// each is shown a key, or all the same managed identity. Without a credential of the
// edge's own the API has its back end already.
func (v *view) pools() bool {
	for _, m := range v.route.Upstreams {
		auth := v.conf.Upstreams[m.Name].Auth
		if len(m.Callers) > 0 || m.Shape != "" || !auth.Set() || auth.KeepCaller != v.up.Auth.KeepCaller || auth.ManagedIdentity != v.up.Auth.ManagedIdentity {
			return false
		}
		if u, err := url.Parse(v.conf.Upstreams[m.Name].URL); err != nil || u.Host == "" {
			return false
		}
	}
	return true
}

// backendID is the id of an upstream's entity.
func (v *view) backendID(upstream string) string { return v.name + "-" + upstream }

// poolSteps say which entities to make: they are no policy.
func (a *apim) poolSteps() []string {
	if !a.spreads() {
		return nil
	}
	steps := []string{"Make these backends of the instance (Microsoft.ApiManagement/service/backends, api-version 2024-05-01), each with the JSON behind its id. SERVICE is the resource id of the instance."}
	var members []any
	for _, s := range a.servers() {
		steps[0] += " " + a.backendID(s.route.Upstream) + ": " + entity(a.backend(s))
		members = append(members, map[string]any{"id": "SERVICE/backends/" + a.backendID(s.route.Upstream), "priority": s.Priority, "weight": a.weight(s, heaviestOfPool)})
	}
	return append(steps, "Make the pool "+a.name+" of them in the same way: "+entity(map[string]any{"type": "Pool", "pool": map[string]any{"services": members}}))
}

// backend is the entity of one upstream. It has one rule at most, which is for what moves
// a request: so long a throttled backend is left alone as it says.
func (a *apim) backend(s server) map[string]any {
	rest := strings.TrimPrefix(strings.TrimSuffix(s.route.PathPrefix, "/"), s.strip())
	out := map[string]any{
		"url": s.url.Scheme + "://" + s.url.Host + s.added() + rest, "protocol": "http",
		"circuitBreaker": map[string]any{"rules": []any{map[string]any{
			"name": "left-alone", "acceptRetryAfter": true, "tripDuration": iso(s.up.Breaker.Open.Duration),
			"failureCondition": map[string]any{
				"count": 1, "interval": iso(s.up.Breaker.Within.Duration),
				"statusCodeRanges": []any{map[string]any{"min": 429, "max": 429}, map[string]any{"min": 503, "max": 503}},
			},
		}}},
	}
	if s.up.Auth.Value != "" {
		out["credentials"] = map[string]any{"header": map[string]any{s.up.Auth.Header: []string{s.ownScheme() + "{{" + credentialOf(s.route.Upstream) + "}}"}}}
	}
	return out
}

// credentialOf is the named value that holds the credential for an upstream.
func credentialOf(upstream string) string { return upstream + "-credential" }

// entity is the JSON of one. Two hyphens would end the comment in which it stands.
func entity(properties map[string]any) string {
	text, err := json.Marshal(map[string]any{"properties": properties})
	if err != nil {
		panic("BUG: " + err.Error()) // texts and numbers
	}
	return strings.ReplaceAll(string(text), "--", `-\u002d`)
}

// iso is a time as entities have it.
func iso(d time.Duration) string { return fmt.Sprintf("PT%dS", (d+time.Second-1)/time.Second) }

// heaviestOfPool is the largest weight that a pool has.
const heaviestOfPool = 100

// toPool leads to the pool. What each backend is shown stands in its entity, but for an
// identity that is the same for all.
func (a *apim) toPool() {
	a.line(`<set-backend-service backend-id="%s" />`, x(a.name))
	if a.up.Auth.ManagedIdentity.Resource != "" {
		a.managedIdentity()
		return
	}
	for _, s := range a.servers() {
		name := credentialOf(s.route.Upstream)
		a.remark("FILL IN: the named value " + name + " (secret) holds the credential of " + a.backendID(s.route.Upstream) + ".")
		a.fills = append(a.fills, Fill{Key: "upstreams." + s.route.Upstream + ".auth.value", Place: "named value " + name, Text: "a named value that is marked as secret, or one of a Key Vault"})
	}
}

// forward asks the back end and, where there are several, another one behind a status that
// says that nothing ran. The request is held for that.
func (a *apim) forward() {
	held, conditions := "false", []string{}
	for _, status := range []string{"429", "503"} {
		if a.spreads() && a.follows(status) {
			conditions = append(conditions, "context.Response.StatusCode == "+status)
		}
	}
	if len(conditions) > 0 {
		held = "true"
		a.open(`<retry condition="@(%s)" count="%d" interval="1" first-fast-retry="true">`, x(strings.Join(conditions, " || ")), len(a.route.Upstreams)-1)
	}
	a.line(`<forward-request timeout="%s" follow-redirects="false" buffer-request-body="%s" buffer-response="false" />`,
		strings.TrimSuffix(seconds(a.route.Timeouts.ResponseHead), "s"), held)
	if len(conditions) > 0 {
		a.close("</retry>")
	}
}

// apimSeveral are the rows where the document leads to a pool.
var apimSeveral = map[string]fate{
	"routes.<name>.upstreams[].name":     does("a backend entity, and its place in the pool: see the steps in the document"),
	"routes.<name>.upstreams[].priority": does("priority in the pool"),
	"routes.<name>.upstreams[].weight":   does("weight in the pool").but(heavierThan(heaviestOfPool), cant("weights above 100 are made smaller, all by one factor, and rounded")),
	"routes.<name>.upstreams[].callers":  cant("no caller has a backend of its own"),
	"routes.<name>.upstreams[].shape":    cant("a pool does not know the shape of an API"),
	"routes.<name>.sticky":               cant("each request is for itself: a pool knows a caller by a cookie, which SDKs do not keep").but(turns, does("the pool")),
	"routes.<name>.failover.on":          cant("retry behind 429 and 503; without a connection there is no answer to look at, and the request is not sent again").but(statusAlone, does("retry")),
	"routes.<name>.failover.body_head":   cant("the whole body is held (buffer-request-body), so that uploads do not stream"),
	"upstreams.<name>.url":               does("url of the backend"),
	"upstreams.<name>.auth.value":        does("credentials of the backend, from a named value which you fill in"),
	"upstreams.<name>.breaker.failures":  cant("a backend has one rule, which is for 429 and 503: other failures do not open it"),
	"upstreams.<name>.breaker.within":    does("interval of the circuit breaker"),
	"upstreams.<name>.breaker.open":      does("tripDuration of the circuit breaker, or what Retry-After says"),
	"upstreams.<name>.probe.path":        cant("a pool asks nothing in the background"),
	"upstreams.<name>.probe.every":       spare("see probe.path"),
}

func statusAlone(v *view) bool { return !v.follows("connect") }
