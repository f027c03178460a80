package carryover

import (
	"strings"

	"github.com/apim-edge/apim-edge/internal/apimpolicy"
)

// lacking is a policy that the edge has nothing for.
type lacking struct {
	affects Affects
	reason  string
}

// lacks says of the policies that are never carried over what is missing, and what to
// do instead where that is known.
var lacks = map[string]lacking{
	"validate-client-certificate":        {Access, "apim-edge asks clients for no certificate"},
	"validate-content":                   {Request, "apim-edge looks at no body"},
	"validate-parameters":                {Request, "apim-edge checks no parameters"},
	"validate-headers":                   {Response, "apim-edge checks no fields of answers"},
	"validate-status-code":               {Response, "apim-edge passes each status on"},
	"validate-graphql-request":           {Access, "apim-edge looks at no body"},
	"validate-odata-request":             {Request, "apim-edge looks at no body"},
	"llm-content-safety":                 {Request, "apim-edge looks at no prompt; where content has to be filtered, use the filters of the model's deployment"},
	"quota":                              {Limits, "apim-edge has no quota over days or months, and counts no bytes; its limits are rates (limits of a route)"},
	"quota-by-key":                       {Limits, "apim-edge has no quota over days or months, and counts no bytes; its limits are rates (limits of a route)"},
	"azure-openai-token-limit":           {Limits, "apim-edge limits requests, not tokens; the deployment of the model has a limit of tokens"},
	"llm-token-limit":                    {Limits, "apim-edge limits requests, not tokens; the deployment of the model has a limit of tokens"},
	"limit-concurrency":                  {Limits, "a bound for a part of a policy; apim-edge has limits.concurrent for a whole route"},
	"azure-openai-emit-token-metric":     {Telemetry, "the metric in Application Insights ends; apim-edge has metrics of its own (docs/operations.md)"},
	"llm-emit-token-metric":              {Telemetry, "the metric in Application Insights ends; apim-edge has metrics of its own (docs/operations.md)"},
	"emit-metric":                        {Telemetry, "the metric in Application Insights ends; apim-edge has metrics of its own (docs/operations.md)"},
	"log-to-eventhub":                    {Telemetry, "apim-edge sends no events; its access line has no bodies (docs/operations.md)"},
	"cache-lookup":                       {Response, "apim-edge keeps no answers"},
	"cache-store":                        {Response, "apim-edge keeps no answers"},
	"cache-lookup-value":                 {Request, "apim-edge keeps no values between requests"},
	"cache-store-value":                  {Request, "apim-edge keeps no values between requests"},
	"cache-remove-value":                 {Request, "apim-edge keeps no values between requests"},
	"azure-openai-semantic-cache-lookup": {Response, "apim-edge keeps no answers"},
	"azure-openai-semantic-cache-store":  {Response, "apim-edge keeps no answers"},
	"llm-semantic-cache-lookup":          {Response, "apim-edge keeps no answers"},
	"llm-semantic-cache-store":           {Response, "apim-edge keeps no answers"},
	"return-response":                    {Access, "apim-edge answers nothing of its own but preflights and errors; what would come behind it is not reached"},
	"mock-response":                      {Access, "apim-edge answers nothing of its own but preflights and errors"},
	"send-request":                       {Request, "apim-edge calls no other service"},
	"send-one-way-request":               {Telemetry, "apim-edge calls no other service"},
	"wait":                               {Request, "apim-edge calls no other service"},
	"get-authorization-context":          {Request, "apim-edge has no credential manager; it can show a managed identity or a key (auth of the upstream)"},
	"set-body":                           {Request, "apim-edge passes bodies byte for byte"},
	"find-and-replace":                   {Request, "apim-edge passes bodies byte for byte"},
	"json-to-xml":                        {Request, "apim-edge passes bodies byte for byte"},
	"xml-to-json":                        {Request, "apim-edge passes bodies byte for byte"},
	"xsl-transform":                      {Request, "apim-edge passes bodies byte for byte"},
	"jsonp":                              {Response, "apim-edge passes bodies byte for byte"},
	"redirect-content-urls":              {Response, "apim-edge passes bodies byte for byte"},
	"set-status":                         {Response, "apim-edge passes the status on"},
	"set-method":                         {Request, "apim-edge passes the method on"},
	"set-graphql-resolver":               {Request, "apim-edge resolves no GraphQL"},
	"proxy":                              {Request, "a forward proxy; write it as proxy of the upstream, with its password in a variable"},
	"authentication-basic":               {Request, "a user name and a password; put base64(name:password) behind Basic into a variable, and write auth: {header: Authorization, value: env:NAME} at the upstream"},
	"authentication-certificate":         {Request, "a client certificate in API Management; export it, and name its files in tls.cert_file and tls.key_file of the upstream"},
	"cross-domain":                       {Response, "a file for Flash and Silverlight, which no browser has any more"},
	"invoke-dapr-binding":                {Request, "apim-edge knows no Dapr"},
	"publish-to-dapr":                    {Request, "apim-edge knows no Dapr"},
	"sql-data-source":                    {Request, "apim-edge has no data sources"},
	"cosmosdb-data-source":               {Request, "apim-edge has no data sources"},
	"http-data-source":                   {Request, "apim-edge has no data sources"},
	"publish-event":                      {Telemetry, "apim-edge publishes no events"},
}

// without lists a policy that the edge has nothing for.
func (p *policy) without() {
	if p.el.Name == "trace" {
		p.nothing(p.spot, "a line for the trace of API Management; it changes nothing")
		return
	}
	l, known := lacks[p.el.Name]
	if !known {
		p.refused(p.unknown(), "no policy that apim-edge knows")
		return
	}
	affects := l.affects
	if affects == Access && (p.section == "outbound" || p.section == "on-error") {
		affects = Response
	}
	p.refused(affects, l.reason)
}

// unknown is what is different where a text is not known: before the request is
// forwarded it may keep callers away.
func (p *policy) unknown() Affects {
	if p.section == "inbound" || p.section == "backend" && keepsAway(p.el) {
		return Access
	}
	return Unknown
}

// keepsAway reports whether an element, or one in it, may keep a caller away: whoever
// leaves it out lets more callers in.
func keepsAway(e *apimpolicy.Element) bool {
	switch e.Name {
	case "validate-jwt", "validate-azure-ad-token", "validate-client-certificate", "check-header", "ip-filter":
		return true
	case "return-response":
		return refuses(e)
	}
	for _, c := range e.Children {
		if keepsAway(c) {
			return true
		}
	}
	return false
}

// refuses reports whether a return-response says no: by 401 or 403, or by a status that
// is not known.
func refuses(e *apimpolicy.Element) bool {
	s := e.Child("set-status")
	if s == nil && e.Attr("response-variable-name") != nil {
		return true
	}
	if s == nil || s.Attr("code") == nil {
		return false // 200
	}
	code := strings.TrimSpace(s.Attr("code").Value.Text)
	return code == "401" || code == "403" || len(code) != 3 || code[0] < '1' || code[0] > '9'
}
