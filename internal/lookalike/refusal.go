package lookalike

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// refusal is one of the answers by which a request is turned away, by a name of ours.
// The texts are those that were seen in public; hint says where.
type refusal struct {
	by     layer
	status int
	body   string // of APIM: the message; of the service: the whole
	field  [2]string
}

// layer is who answers.
type layer uint8

const (
	byPolicy  layer = iota // APIM, once the key is checked
	byService              // Azure OpenAI, once APIM has let the request in
	byOther                // somebody in front of APIM, who is not asked
)

var refusals = map[string]refusal{
	"application-credentials": {by: byPolicy, status: 401, body: "Access denied due to a missing application credentials or subscription key. " +
		"Make sure to include an application token or a subscription key when making requests to the API."},
	"jwt-missing":  {by: byPolicy, status: 401, body: "JWT not present."},
	"jwt-invalid":  {by: byPolicy, status: 401, body: "Invalid JWT."},
	"quota":        {by: byPolicy, status: 403, body: "Out of call volume quota. Quota will be replenished in 07:01:20."},
	"ip-filter":    {by: byPolicy, status: 403, body: "Forbidden"},
	"rate-limit":   {by: byPolicy, status: 429, body: "Rate limit is exceeded. Try again in 26 seconds.", field: [2]string{"Retry-After", "26"}},
	"token-limit":  {by: byPolicy, status: 429, body: "Token limit is exceeded. Try again in 56 seconds.", field: [2]string{"Retry-After", "56"}},
	"policy-error": {by: byPolicy, status: 500, body: "Internal server error"},
	"pool":         {by: byPolicy, status: 503, body: "Backend pool 'aoai' is temporarily unavailable"},

	"service-key":    {by: byService, status: 401, body: `{"error":{"code":"401","message":"` + serviceRefuses + `"}}`},
	"audience":       {by: byService, status: 401, body: `{"statusCode":401,"message":"Unauthorized. Access token is missing, invalid, audience is incorrect (https://cognitiveservices.azure.com), or have expired."}`},
	"role":           {by: byService, status: 401, body: "{\"error\":{\"code\":\"PermissionDenied\",\"message\":\"The principal `11111111-2222-3333-4444-555555555555` lacks the required data action `Microsoft.CognitiveServices/accounts/OpenAI/deployments/chat/completions/action` to perform `POST /openai/deployments/{deployment-id}/chat/completions` operation.\"}}"},
	"keys-disabled":  {by: byService, status: 403, body: `{"error":{"code":"AuthenticationTypeDisabled","message":"Key based authentication is disabled for this resource."}}`},
	"firewall":       {by: byService, status: 403, body: `{"error":{"code":"403","message":"Access denied due to Virtual Network/Firewall rules."}}`},
	"private":        {by: byService, status: 403, body: `{"error":{"code":"403","message":"Public access is disabled. Please configure private endpoint."}}`},
	"api-version":    {by: byService, status: 400, body: `{"error":{"code":"BadRequest","message":"Missing required query parameter: api-version"}}`},
	"old-version":    {by: byService, status: 400, body: `{"error":{"code":"BadRequest","message":"Model {modelName} is enabled only for api versions 2024-12-01-preview and later"}}`},
	"operation":      {by: byService, status: 400, body: `{"error":{"code":"OperationNotSupported","message":"The chatCompletion operation does not work with the specified model, gpt-5-codex."}}`},
	"data-type":      {by: byService, status: 400, body: "Unsupported data type\n"},
	"content-filter": {by: byService, status: 400, body: `{"error":{"code":"content_filter","message":"The response was filtered due to the prompt triggering content management policy.","param":"prompt","status":400,"innererror":{"code":"ResponsibleAIPolicyViolation","content_filter_result":{}}}}`},
	"timeout":        {by: byService, status: 408, body: `{"error":{"code":"Timeout","message":"The operation was timeout."}}`},
	"busy":           {by: byService, status: 429, body: `{"error":{"code":"429","message":"The service is temporarily unable to process your request. Please try again later."}}`, field: [2]string{"retry-after-ms", "700"}},
	"page":           {by: byOther, status: 403, body: "<!DOCTYPE html>\n<html><head><title>403 Forbidden</title></head><body>The request is blocked.</body></html>\n"},
	"login":          {by: byOther, status: 401, body: "", field: [2]string{"WWW-Authenticate", "Negotiate"}},
	"invalid-key":    {by: byPolicy, status: 401, body: invalidKey},
	"no-resource":    {by: byService, status: 404, body: `{"error":{"code":"404","message":"Resource not found"}}`},
	"no-deployment":  {by: byService, status: 404, body: deploymentNotFound},
	"deployment-429": {by: byService, status: 429, body: `{"error":{"code":"429","message":"` + tokenRate + `"}}`, field: [2]string{"retry-after-ms", "700"}},
}

const (
	deploymentNotFound = `{"error":{"code":"DeploymentNotFound","message":"The API deployment for this resource does not exist. If you created the deployment within the last 5 minutes, please wait a moment and try again."}}`
	tokenRate          = "Requests to the ChatCompletions_Create Operation under Azure OpenAI API version 2024-10-21 have exceeded token rate limit of your current OpenAI S0 pricing tier. Please retry after 1 second."
)

// Refusals returns the names that Options.Refuse knows.
func Refusals() []string { return slices.Sorted(maps.Keys(refusals)) }

// refused returns the answer of a layer that turns every request away, nil for none.
func (s *Server) refused(by layer) *answer {
	r, ok := refusals[s.opt.Refuse]
	if !ok || r.by != by {
		return nil
	}
	a := answer{status: r.status, contentType: "application/json", frames: one([]byte(r.body))}
	switch {
	case strings.HasPrefix(r.body, "<"):
		a.contentType = "text/html; charset=utf-8"
	case by == byPolicy && r.status == http.StatusInternalServerError:
		a.frames = one(fmt.Appendf(nil, `{ "statusCode": %d, "message": %q, "activityId": %q }`, r.status, r.body, guid()))
	case by == byPolicy:
		a = gatewayError(r.status, r.body)
	case !strings.HasPrefix(r.body, "{"):
		a.contentType = "text/plain; charset=utf-8"
	}
	if r.field[0] != "" {
		a.fields = append(a.fields, r.field)
	}
	return &a
}

// policies are what APIM does in inbound, once the key is checked.
func (x *exchange) policies() *answer {
	value, sent := bearer(x.r)
	switch {
	case x.s.opt.ValidateJWT && !sent:
		a := gatewayError(http.StatusUnauthorized, "JWT not present.")
		return &a
	case x.s.opt.ValidateJWT && !looksLikeToken(value):
		a := gatewayError(http.StatusUnauthorized, "Invalid JWT.")
		return &a
	case x.s.opt.CheckAuthorization && !sent: // check-header, with the text of the documentation
		a := gatewayError(http.StatusUnauthorized, "Not authorized")
		return &a
	}
	return x.s.refused(byPolicy)
}
