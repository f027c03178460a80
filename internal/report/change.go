package report

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/apim-edge/apim-edge/internal/census"
	"github.com/apim-edge/apim-edge/internal/doctor"
)

// Change is what API Management, or a caller, would have to change so that a rule of the
// edge is not needed any more.
type Change struct {
	For  string `json:"for"` // the rules
	What string `json:"what"`
	// Text is a command or a piece of a policy; Kind says which: sh or xml. Empty: none.
	Text string `json:"text,omitempty"`
	Kind string `json:"kind,omitempty"`
	But  string `json:"but,omitempty"` // what to know before
}

// changes are those that a route waits for, by what its callers have used lately.
func changes(e *evidence) (all []Change) {
	used := map[string]bool{}
	for _, c := range e.callers {
		for _, u := range c.Uses {
			used[u] = true
		}
	}
	s := &e.setup
	if s.Upstream == "" {
		return nil // the configuration has it no more
	}
	if (used["bearer_key"] || used["swapped"]) && !looksAtBearer(s) {
		all = append(all, renameField(s), bothFields(s))
	}
	if used["misplaced_token"] || used["token_wins"] || used["token"] || used["swapped"] {
		all = append(all, placeToken())
	}
	if used["explicit_key"] || used["explicit_key_wins"] || used["token_and_key"] || used["other_scheme"] {
		all = append(all, oneField(s))
	}
	if used["client_key"] {
		all = append(all, subscriptions())
	}
	if used["own_credential"] {
		all = append(all, ownCredential(s))
	}
	if used["bridge"] {
		all = append(all, speakBoth(s))
	}
	if used["cors"] {
		all = append(all, cors(s))
	}
	if s.Tokens {
		all = append(all, checkTokens())
	}
	if s.Addresses {
		all = append(all, filterAddresses(s))
	}
	if s.Headers {
		all = append(all, checkHeaders(s))
	}
	if s.Query {
		all = append(all, changeQuery(s))
	}
	return all
}

// management is the resource of an API, with what only its owner knows in capitals.
func management(s *census.Setup) string {
	service := "SERVICE"
	if u, err := url.Parse(s.Upstream); err == nil {
		if name, found := strings.CutSuffix(u.Hostname(), ".azure-api.net"); found && ofAName.MatchString(name) {
			service = name
		}
	}
	return "/subscriptions/SUBSCRIPTION/resourceGroups/GROUP/providers/Microsoft.ApiManagement/service/" + service
}

// ofAName is what may stand in a command that somebody copies. A census says what it was
// told, and quotes are in it as well.
var ofAName = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

const apiVersion = "?api-version=2024-05-01"

func renameField(s *census.Setup) Change {
	return Change{
		For:  "bearer_key",
		What: "Way 2: have API Management look for its key in Authorization, and put \"Bearer \" in front of every key that is stored.",
		Kind: "sh",
		Text: "az rest --method patch --headers 'If-Match=*' \\\n  --url '" + management(s) + "/apis/API" + apiVersion + "' \\\n" +
			"  --body '{\"properties\":{\"subscriptionKeyParameterNames\":{\"header\":\"Authorization\",\"query\":\"subscription-key\"}}}'\n" +
			"az rest --method patch --headers 'If-Match=*' \\\n  --url '" + management(s) + "/subscriptions/KEY_NAME" + apiVersion + "' \\\n" +
			"  --body '{\"properties\":{\"primaryKey\":\"Bearer KEY\"}}'    # once for each key",
		But: "Tokens then need another field, keys that people make in the portal lack the prefix, and callers that send " + field(s) + " fail from that moment on. Both commands belong into one moment.",
	}
}

func bothFields(s *census.Setup) Change {
	return Change{
		For:  "bearer_key",
		What: "Way 1: have each caller send its key in " + field(s) + " as well. The caller list says who.",
		Kind: "python",
		Text: "client = OpenAI(api_key=KEY, default_headers={\"" + field(s) + "\": KEY})    # other SDKs have the same setting",
	}
}

func placeToken() Change {
	return Change{
		For: "misplaced_token, token_wins",
		What: "Have the callers hand their token to the SDK as a token, not as a key: azure_ad_token_provider (Python), azureADTokenProvider (Node), " +
			"azure.WithTokenCredential (Go). Where the API asks for no subscription key, this policy does it for them:",
		Kind: "xml",
		Text: `<inbound>
  <base />
  <choose>
    <when condition="@(context.Request.Headers.GetValueOrDefault(&quot;api-key&quot;, &quot;&quot;).Split('.').Length == 3)">
      <set-header name="Authorization" exists-action="skip">
        <value>@("Bearer " + context.Request.Headers.GetValueOrDefault("api-key", ""))</value>
      </set-header>
      <set-header name="api-key" exists-action="delete" />
    </when>
  </choose>
</inbound>`,
		But: "Where the API asks for a subscription key, no policy helps: the key is checked before the first one runs.",
	}
}

func oneField(s *census.Setup) Change {
	if looksAtBearer(s) {
		return Change{For: "explicit_key", What: "Have the callers send their key as Authorization: Bearer, as the class OpenAI of their SDK does with its api_key."}
	}
	return Change{
		For:  "explicit_key",
		What: "Have the callers send their key in " + field(s) + ". If all of them use one other field, have API Management look there instead:",
		Kind: "sh",
		Text: "az rest --method patch --headers 'If-Match=*' \\\n  --url '" + management(s) + "/apis/API" + apiVersion + "' \\\n" +
			"  --body '{\"properties\":{\"subscriptionKeyParameterNames\":{\"header\":\"THAT_FIELD\",\"query\":\"subscription-key\"}}}'",
	}
}

func subscriptions() Change {
	return Change{
		For:  "client_key",
		What: "Make a subscription in API Management for each client of the edge, and have it use that key. The names are in the caller list, behind client:.",
	}
}

func ownCredential(s *census.Setup) Change {
	if s.Own == "managed_identity" {
		return Change{
			For: "own_credential", What: "Have API Management show its own identity to the service:", Kind: "xml",
			Text: "<inbound>\n  <base />\n  <authentication-managed-identity resource=\"https://cognitiveservices.azure.com\" />\n</inbound>",
			But:  "Whoever reaches the API then uses that identity: ask callers for a subscription key or a token first.",
		}
	}
	return Change{
		For: "own_credential", What: "Have API Management show the key to the service, out of a named value that a vault keeps:", Kind: "xml",
		Text: "<inbound>\n  <base />\n  <set-header name=\"api-key\" exists-action=\"override\">\n    <value>{{NAMED_VALUE}}</value>\n  </set-header>\n</inbound>",
		But:  "Whoever reaches the API then uses that key: ask callers for a subscription key or a token first.",
	}
}

func speakBoth(s *census.Setup) Change {
	if s.BridgeTo == "v1" {
		return Change{For: "bridge", What: "Have the callers use the v1 shape: base_url ends in /openai/v1/, the deployment is the model, and there is no api-version."}
	}
	return Change{
		For:  "bridge",
		What: "Import the v1 shape of Azure OpenAI into API Management (base path /openai/v1), or have the callers use the legacy one: the Azure class of their SDK, with azure_endpoint and api_version.",
		But:  "The resource behind it has to know the v1 shape as well. Names of models that the bridge maps to deployments become names of deployments.",
	}
}

func cors(s *census.Setup) Change {
	var policy strings.Builder
	policy.WriteString("<inbound>\n  <cors allow-credentials=\"false\">\n    <allowed-origins>\n")
	for _, origin := range s.Origins {
		policy.WriteString("      <origin>" + escaped(origin) + "</origin>\n")
	}
	policy.WriteString("    </allowed-origins>\n    <allowed-methods preflight-result-max-age=\"600\">\n      <method>GET</method>\n      <method>POST</method>\n    </allowed-methods>\n" +
		"    <allowed-headers>\n      <header>*</header>\n      <header>authorization</header>\n    </allowed-headers>\n" +
		"    <expose-headers>\n      <header>retry-after</header>\n      <header>retry-after-ms</header>\n      <header>x-request-id</header>\n    </expose-headers>\n" +
		"  </cors>\n  <base />\n</inbound>")
	c := Change{
		For: "cors", What: "Give the API a cors policy of its own:", Kind: "xml", Text: policy.String(),
		But: "At the scope of a product it does not work while the key is in a field. Pages whose SDK is one for servers send more fields than you think: try one.",
	}
	if slices.ContainsFunc(s.Origins, func(o string) bool { return o != "*" && strings.Contains(o, "*") }) {
		c.But += " API Management knows no pattern in an origin: write each one out."
	}
	return c
}

func checkTokens() Change {
	return Change{
		For: "require.token", What: "The edge lets in only those with a good token. Have API Management check the same:", Kind: "xml",
		Text: "<inbound>\n  <base />\n  <validate-azure-ad-token tenant-id=\"TENANT\">\n    <audiences>\n      <audience>AUDIENCE</audience>\n    </audiences>\n  </validate-azure-ad-token>\n</inbound>",
		But:  "The values stand in token_policies of the edge's configuration; for issuers other than Entra it is validate-jwt.",
	}
}

// exported is the command that writes the policy of a route.
func exported(s *census.Setup) string {
	route := s.Route
	if !ofAName.MatchString(route) {
		route = "ROUTE"
	}
	return "apim-edge export " + route + " --to apim --config FILE"
}

func checkHeaders(s *census.Setup) Change {
	return Change{
		For: "require.headers", What: "The edge lets in only requests with fields that a front sets. Have API Management look at the same, by the check-header that this writes:", Kind: "sh",
		Text: exported(s),
		But:  "The values stand in named values, which you fill in, and the front has to lead to API Management itself.",
	}
}

func changeQuery(s *census.Setup) Change {
	return Change{
		For: "query", What: "The edge sends the API other parameters than callers do. Have API Management change the same, by the set-query-parameter that this writes, or the callers:", Kind: "sh",
		Text: exported(s),
	}
}

func filterAddresses(s *census.Setup) Change {
	return Change{
		For: "require.addresses", What: "The edge lets in only who calls from some addresses. Have API Management look at the same, by the ip-filter that this writes:", Kind: "sh",
		Text: exported(s),
		But:  "API Management looks at the address that it sees itself: behind a gateway of your own that is the gateway's.",
	}
}

// field is the key field of the API.
func field(s *census.Setup) string {
	name := cmp.Or(s.KeyField, "api-key")
	if !ofAName.MatchString(name) {
		return "THE_KEY_FIELD"
	}
	return name
}

func escaped(text string) string {
	var out bytes.Buffer
	_ = xml.EscapeText(&out, []byte(text)) // a buffer takes all
	return out.String()
}

// Item is one step to the day of removal.
type Item struct {
	Text string `json:"text"`
	// State is done, open, or unproved: nothing that the edge sees can tell.
	State string `json:"state"`
}

// The states.
const (
	Done    = "done"
	Open    = "open"
	NoProof = "unproved"
)

// todo is the checklist.
func (m *maker) todo(r *Report) []Item {
	state := func(done bool) string {
		if done {
			return Done
		}
		return Open
	}
	all := []Item{{
		fmt.Sprintf("The census has looked for %s, on each of them (so far: %d).", Counted(r.Days, "day"), r.Looked.Days), state(m.enough() && r.Looked.Missing == 0),
	}}
	for _, route := range r.Routes {
		all = append(all, Item{fmt.Sprintf("Nobody has needed route %s for %s: %s.", route.Name, Counted(r.Days, "day"), route.Why), state(route.Verdict == NotNeeded)})
		if route.Callers > 0 || len(route.Proofs) > 0 {
			all = append(all, proofItem(&route))
		}
	}
	quiet := true
	for _, route := range r.Routes {
		quiet = quiet && !route.Last.After(m.from)
	}
	return append(all,
		Item{"Each caller that comes less often than that is known, and was asked.", NoProof},
		Item{"Limits, timeouts and heartbeats of the edge are not needed, or are set in API Management.", NoProof},
		Item{"The name that clients call leads to API Management, with a certificate there, or each client has another base URL.", NoProof},
		Item{fmt.Sprintf("Nobody has come through the edge for %s.", Counted(r.Days, "day")), state(quiet && m.enough())},
		Item{"The keys of the edge, its configuration and its census are deleted.", NoProof},
	)
}

// proofItem says whether the shapes of a route were proved without the edge.
func proofItem(r *Route) Item {
	item := Item{fmt.Sprintf("What the callers of route %s ask was accepted without the edge (apim-edge report --prove %s).", r.Name, r.Name), NoProof}
	if len(r.Proofs) == 0 {
		return item
	}
	accepted := 0
	for _, p := range r.Proofs {
		if p.Verdict == doctor.Accepted {
			accepted++
		}
	}
	item.Text = fmt.Sprintf("Of %s of route %s, %d were accepted without the edge.", Counted(len(r.Proofs), "shape"), r.Name, accepted)
	if item.State = Open; accepted == len(r.Proofs) {
		item.State = Done
	}
	return item
}
