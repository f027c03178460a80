package doctor

import (
	"fmt"
	"strings"

	"github.com/apim-edge/apim-edge/internal/hint"
)

// verdict is what the answers come to.
type verdict struct {
	*facts
	findings      []Finding
	way           Way
	keyField      string
	configuration string
	whyNone       string
}

func (v *verdict) ok(about, text string) {
	v.findings = append(v.findings, Finding{OK, about, text, ""})
}

func (v *verdict) note(about, text, do string) {
	v.findings = append(v.findings, Finding{Note, about, text, do})
}

func (v *verdict) problem(about, text, do string) {
	v.findings = append(v.findings, Finding{Problem, about, text, do})
}

// none says why no configuration will do; the first reason counts.
func (v *verdict) none(why string) {
	if v.whyNone == "" {
		v.whyNone = why
	}
}

// judge reads the answers, and asks nobody.
func judge(f *facts) *verdict {
	v := &verdict{facts: f, way: Unclear}
	if !v.reached() {
		return v
	}
	v.judgeNetwork()
	if !v.judgePaths() {
		return v
	}
	v.judgeKeyField()
	v.judgeCredentials()
	v.judgeTokens()
	v.judgePages()
	v.judgeRoute()
	v.judgeEdge()
	if v.whyNone == "" {
		v.configure()
	}
	return v
}

// reached says why nothing is known, where that is so.
func (v *verdict) reached() bool {
	if n := v.network; n.Fault != "" {
		v.problem("network", "the API cannot be reached: "+n.Fault, n.Do)
		v.none("the API cannot be reached from here")
		return false
	}
	if last := v.places[len(v.places)-1].bare; last.Failed != "" && !found(v.places) {
		v.problem("network", "the API gave no answer: "+last.Failed, adviceFor(last.fault))
		v.none("the API gives no answer")
		return false
	}
	return true
}

// soon is how many days before its end a certificate is worth a word.
const soon = 21

func (v *verdict) judgeNetwork() {
	n := v.network
	switch {
	case v.target.URL.Scheme == "https":
	case v.private():
		v.note("tls", "plain HTTP: whoever is on the way can read the keys", "")
	default:
		v.problem("tls", "plain HTTP over a public network: whoever is on the way can read the keys", "use https://")
	}
	if n.Private {
		v.note("dns", "the name leads to a private address: a private endpoint, or DNS of the company", "look that the edge's machine resolves it as this one does")
	}
	if n.Proxy != "" {
		v.note("network", "the API is reached through the forward proxy "+n.Proxy, "")
	}
	if t := n.TLS; t != nil && t.Days < soon {
		v.note("tls", fmt.Sprintf("the API's certificate expires in %d days, on %s", t.Days, t.Expires), "look that it is renewed in time")
	}
	if t := n.TLS; t != nil && t.AsksForCertificate {
		v.note("tls", "the API asks clients for a certificate", "set tls.cert_file and tls.key_file of the upstream, if it insists")
	}
}

// private reports whether the way does not leave a private network.
func (v *verdict) private() bool {
	host := v.network.Host
	return v.network.Private || host == "localhost" || host == "::1" || strings.HasPrefix(host, "127.")
}

// judgePaths says which operations there are. An API that asks for a key first tells
// without one nothing of them.
func (v *verdict) judgePaths() bool {
	if v.at == nil {
		v.problem("operations", "API Management knows none of the paths that OpenAI clients ask for under "+v.target.shown(v.target.URL), "give the URL with the API's own suffix, or import the operations")
		v.none("there is no operation to call")
		return false
	}
	if at := v.at.bare; at.reach() == stopped {
		v.problem("network", at.known.Means(), at.known.Change())
		v.none("somebody between here and the API answers in its place")
		return false
	}
	if v.inRoot {
		v.note("operations", "the operations stand without /openai in front", "end the clients' base_url with /v1 instead of /openai/v1")
	}
	have := map[string]bool{}
	for _, pl := range v.places {
		answer := pl.bare
		if pl.with != nil {
			answer = *pl.with
		}
		if r := answer.reach(); r != noOperation && r != unanswered {
			have[pl.shape] = true
		}
	}
	said := v.target.shape
	switch {
	case have["v1"] && have["legacy"]:
		v.ok("operations", "the import has the v1 shape and the legacy one")
	case have[said] && said != v.target.route.Bridge.To:
		v.ok("operations", "the import has the "+said+" shape alone, as the route says of this upstream")
	case have[said]: // "" is no shape
		v.ok("operations", "the import has the "+said+" shape alone, and the bridge of the route leads to it")
	case have["legacy"]:
		v.note("operations", "the import has the legacy shape alone: /openai/v1/... is 404, and that is what OpenAI clients ask for",
			"give the route a bridge (to: legacy), or import the v1 specification as well; or use the Azure class of the SDK, with the edge as its endpoint")
	case have["v1"]:
		v.note("operations", "the import has the v1 shape alone: clients that use deployments in the path get 404",
			"give the route a bridge (to: v1), or end their base_url with /openai/v1/ and use the SDK's class OpenAI")
	}
	return true
}

// judgeKeyField says where the API looks for the key, and by that which way is in place.
func (v *verdict) judgeKeyField() {
	bare := v.at.bare.reach()
	v.keyField = v.facts.keyField
	switch {
	case bare == accepted:
		v.way, v.keyField = Open, ""
		v.note("credentials", "the API asks for no credential at all", "switch on \"subscription required\", if that is not meant")
	case bare == tokenRefused:
		v.way, v.keyField = Tokens, ""
		v.ok("credentials", "the API asks for no subscription key, and checks a token by a policy")
	case bare == serviceRefused:
		v.judgeService()
	case bare != keyUnseen && v.keyField == "":
		v.turned(v.at.bare)
	case v.query != nil && v.query.seen():
		v.problem("key", "the key is found in the query alone", "have the API look into a field as well: a key in a URL is in every log")
		v.none("apim-edge never puts a key into a URL, and this API looks nowhere else")
	case v.keyField == "":
		v.problem("key", "the key was not seen in any place that was tried: "+strings.Join(v.candidates(), ", ")+", Authorization and the query", "ask the API's owner for the name of its key field (subscriptionKeyParameterNames)")
		v.none("the field in which the API looks for its key is not known")
	case v.keyField == authorization:
		v.way = Renamed
		v.ok("key", "the key field of the API is Authorization: today's clients get through with their keys, if these are stored with \"Bearer \" in front")
	case v.finds(v.bearer):
		v.way = Front
		v.ok("key", "a key that comes as Authorization: Bearer is seen, though the API looks into "+v.keyField+": something in front moves it already")
	default:
		v.way = ByClients
		v.ok("key", "the API looks for its key in "+v.keyField+", and does not see one that comes as Authorization: Bearer")
	}
}

// judgeService says what is known of an API where it is the service that asks.
func (v *verdict) judgeService() {
	switch {
	case v.bearer.reach() == accepted:
		v.way = Front
		v.ok("key", "a key that comes as Authorization: Bearer is accepted")
	case v.fields[usual[0]].reach() == accepted:
		v.way, v.keyField = ByClients, usual[0]
		v.ok("key", "API Management asks for no key, and the service takes one in "+usual[0])
	default:
		v.way = Tokens
		v.note("credentials", "API Management asks for no key; the service behind it wants a token, or a key of its own in "+usual[0], "")
		if v.token == nil && v.opt.Key.IsZero() {
			v.note("credentials", "which of them, only a key or a token can show", "give --key and --token")
		}
	}
}

// turned says what a refusal means that is about no credential.
func (v *verdict) turned(a Answer) {
	text := fmt.Sprintf("%d, whatever the credential", a.Status)
	if a.Said != "" {
		text += ": " + a.Said
	}
	do := a.known.Change()
	if a.known != hint.Unknown && a.known != hint.None {
		text = a.known.Means()
	}
	v.problem("credentials", text, do)
	v.none("every request is turned away before its credential is looked at")
}
