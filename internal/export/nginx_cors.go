package export

import (
	"regexp"
	"slices"
	"strings"
)

// originPattern is an expression for an allowed origin that has a *.
func originPattern(origin string) string {
	before, after, _ := strings.Cut(origin, "*")
	inside := `[A-Za-z0-9_-]+(?:[.][A-Za-z0-9_-]+)*`
	switch {
	case strings.HasSuffix(before, ":"):
		inside = `[0-9]{1,5}`
	case after == "":
		inside += `(?::[0-9]{1,5})?`
	}
	return `^` + regexp.QuoteMeta(before) + inside + regexp.QuoteMeta(after) + `$`
}

func (v *view) anyOrigin() bool { return slices.Contains(v.route.CORS.AllowedOrigins, "*") }

func (v *view) checksUpgrades() bool { return v.cors() && v.route.CORS.CheckUpgrades && !v.anyOrigin() }

// offers are the request fields that pages may send, and whether they may send any other.
func (v *view) offers() (names []string, any bool) {
	return v.route.CORS.Options().RequestFields(), slices.Contains(v.route.CORS.AllowedHeaders, "*")
}

// offered is the list of them for a page that has asked for something else.
func (v *view) offered() string {
	names, any := v.offers()
	if any {
		names = append([]string{"*"}, names...)
	}
	return strings.Join(names, ", ")
}

// family are the response fields that APIM and Azure OpenAI are known to send of those that
// the edge exposes by their first letters.
var family = strings.Fields(`openai-model openai-organization openai-processing-ms openai-version
	x-ratelimit-limit-requests x-ratelimit-limit-tokens x-ratelimit-remaining-requests
	x-ratelimit-remaining-tokens x-ratelimit-reset-requests x-ratelimit-reset-tokens`)

// exposed is the list of response fields that pages may read.
func (v *view) exposed() string {
	if slices.Contains(v.route.CORS.ExposedHeaders, "*") {
		return "*"
	}
	names := append(v.route.CORS.Options().ResponseFields(), family...)
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ", ")
}

// preflightVary is what the answer to a preflight depends on.
func (v *view) preflightVary() string {
	vary := "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
	if v.route.CORS.AllowPrivateNetwork {
		vary += ", Access-Control-Request-Private-Network"
	}
	return vary
}

// corsMaps writes who may ask what.
func (n *nginx) corsMaps() {
	if !n.cors() {
		return
	}
	n.gap()
	n.note("CORS: whose pages may call, and what they may send.")
	n.originMap()
	methods := anyOf(append(slices.Clone(n.route.CORS.AllowedMethods), "OPTIONS"))
	allowed := n.v("allowed_origin")
	n.table(q("$request_method,"+allowed), "cors_origin", re(`^(?:`+methods+`),.`), allowed, "default", `""`)
	n.table(q("$request_method,$http_origin,$http_access_control_request_method"), "preflight", re(`^OPTIONS,[^,]+,.`), "yes", "default", `""`)
	names, any := n.offers()
	fields := `^(?:[^,]*,?)*$`
	if !any {
		fields = `^(?i:[[:blank:]]*(?:` + anyOf(names) + `)?[[:blank:]]*(?:,|$))*$`
	}
	n.table("$http_access_control_request_headers", "asked_fields", `""`, "yes", re(fields), "yes", "default", "no")
	n.table("$http_access_control_request_method", "asked_method", re(`^(?:`+methods+`)$`), "yes", re(`^(?:GET|HEAD|POST)$`), "never", "default", "no")
	// A page whose method is safelisted would send it whatever is offered, so nothing is.
	n.table(q(n.v("asked_method")+","+n.v("asked_fields")+","+allowed), "answer",
		re(`^yes,yes,.`), "allow", re(`^(?:yes|no),(?:yes|no),.`), "offer", "default", "refuse")
	n.table(n.v("answer"), "pre_origin", "refuse", `""`, "default", allowed)
	n.table(n.v("answer"), "pre_methods", "allow", "$http_access_control_request_method",
		"offer", q(strings.Join(n.route.CORS.AllowedMethods, ", ")), "default", `""`)
	n.table(n.v("answer"), "pre_fields", "allow", "$http_access_control_request_headers",
		"offer", q(n.offered()), "default", `""`)
	n.table(n.v("cors_origin"), "exposed", `""`, `""`, "default", q(n.exposed()))
	if n.route.CORS.AllowCredentials {
		n.table(n.v("cors_origin"), "cors_credentials", `""`, `""`, "default", "true")
		n.table(n.v("pre_origin"), "pre_credentials", `""`, `""`, "default", "true")
	}
	n.table(n.v("answer"), "pre_age", "allow", itoa(int(n.route.CORS.MaxAge.Seconds())), "default", `""`)
	if n.route.CORS.AllowPrivateNetwork {
		n.table(q(n.v("answer")+",$http_access_control_request_private_network"), "pre_private", "allow,true", "true", "default", `""`)
	}
	if n.checksUpgrades() {
		n.table(q("$http_upgrade,$http_origin,"+allowed), "upgrade_origin", "~*^websocket,[^,]+,$", "refused", "default", `""`)
	}
}

func (n *nginx) originMap() {
	if n.anyOrigin() {
		n.table("$http_origin", "allowed_origin", `""`, `""`, "default", `"*"`)
		return
	}
	rows := []string{}
	for _, origin := range n.route.CORS.AllowedOrigins {
		if strings.Contains(origin, "*") {
			rows = append(rows, re(originPattern(origin)), "$http_origin")
		} else {
			rows = append(rows, q(origin), "$http_origin")
		}
	}
	n.table("$http_origin", "allowed_origin", append(rows, "default", `""`)...)
}

// accessControl are the fields that the edge owns where a route has a policy.
var accessControl = []string{
	"Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Access-Control-Allow-Headers", "Access-Control-Allow-Methods",
	"Access-Control-Allow-Private-Network", "Access-Control-Expose-Headers", "Access-Control-Max-Age", "Access-Control-Request-Headers",
}

// corsFields writes the fields of every answer that is no preflight's, errors included.
func (n *nginx) corsFields() {
	if !n.cors() {
		return
	}
	n.line("error_page 418 = @%s_preflight;", n.variable())
	n.line("if (%s) { return 418; }", n.v("preflight"))
	for _, name := range accessControl {
		n.line("proxy_hide_header %s;", name)
	}
	n.corsAnswer()
}

// corsAnswer adds them to an answer, nginx's own included.
func (n *nginx) corsAnswer() {
	if !n.cors() {
		return
	}
	n.add("Access-Control-Allow-Origin", n.v("cors_origin"))
	n.addCredentials("cors_credentials")
	n.add("Access-Control-Expose-Headers", n.v("exposed"))
	n.add("Vary", "Origin")
}

// addCredentials adds the field by which pages may send cookies, where they may.
func (n *nginx) addCredentials(variable string) {
	if n.route.CORS.AllowCredentials {
		n.add("Access-Control-Allow-Credentials", n.v(variable))
	}
}

func (n *nginx) add(name, value string) { n.line("add_header %s %s always;", name, value) }

func (n *nginx) preflightLocation() {
	if !n.cors() {
		return
	}
	n.open("location @%s_preflight {", n.variable())
	n.add("Access-Control-Allow-Origin", n.v("pre_origin"))
	n.addCredentials("pre_credentials")
	n.add("Access-Control-Allow-Methods", n.v("pre_methods"))
	n.add("Access-Control-Allow-Headers", n.v("pre_fields"))
	n.add("Access-Control-Max-Age", n.v("pre_age"))
	if n.route.CORS.AllowPrivateNetwork {
		n.add("Access-Control-Allow-Private-Network", n.v("pre_private"))
	}
	n.add("Vary", q(n.preflightVary()))
	n.line("return 204;")
	n.close("}")
}
