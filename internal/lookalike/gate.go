package lookalike

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// The two texts that a user of a legacy API sees. "to an API" is what servers
// say; the documentation has "to this API".
const (
	missingKey = "Access denied due to missing subscription key. Make sure to include subscription key when making requests to an API."
	invalidKey = "Access denied due to invalid subscription key. Make sure to provide a valid key for an active subscription."
	// serviceRefuses comes from Azure OpenAI itself: APIM let the request in.
	serviceRefuses = "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an active subscription and use a correct regional API endpoint for your resource."
)

// checkKey is APIM's check of the subscription key; nil lets the request in.
func (x *exchange) checkKey() *answer {
	if x.s.opt.PrimaryKey == "" && x.s.opt.SecondaryKey == "" {
		return nil
	}
	switch key := x.s.key(x.r); key {
	case "":
		return x.refuseKey(missingKey)
	case x.s.opt.PrimaryKey:
		x.keyUsed = "primary"
	case x.s.opt.SecondaryKey:
		x.keyUsed = "secondary"
	default:
		if !slices.Contains(x.s.opt.OtherKeys, key) {
			return x.refuseKey(invalidKey)
		}
		x.keyUsed = "other"
	}
	return nil
}

// key returns the subscription key as APIM finds it: several lines of the
// field read as one list, and the query counts only without the field.
func (s *Server) key(r *http.Request) string {
	if values := r.Header.Values(s.opt.KeyField); len(values) > 0 {
		return strings.Join(values, ",")
	}
	return r.URL.Query().Get(s.opt.KeyQuery)
}

func (x *exchange) refuseKey(message string) *answer {
	a := gatewayError(http.StatusUnauthorized, message)
	a.fields = append(a.fields, [2]string{"WWW-Authenticate", fmt.Sprintf(
		`AzureApiManagementKey realm="%s://%s%s",name="%s",type="header"`,
		x.s.scheme(), x.r.Host, x.op.api, x.s.opt.KeyField)})
	return &a
}

// tokenAccepted is the service's check of Authorization.
func (s *Server) tokenAccepted(r *http.Request) bool {
	token, ok := bearer(r)
	if !ok {
		return false
	}
	if len(s.opt.Tokens) > 0 {
		return slices.Contains(s.opt.Tokens, token)
	}
	return looksLikeToken(token)
}

// credential names the kinds of credential that the request carried.
func (s *Server) credential(r *http.Request) string {
	var kinds []string
	if len(r.Header.Values(s.opt.KeyField)) > 0 {
		kinds = append(kinds, "key-field")
	}
	if r.URL.Query().Has(s.opt.KeyQuery) {
		kinds = append(kinds, "key-query")
	}
	if value, ok := bearer(r); ok && looksLikeToken(value) {
		kinds = append(kinds, "token")
	} else if ok {
		kinds = append(kinds, "bearer")
	} else if len(r.Header.Values("Authorization")) > 0 {
		kinds = append(kinds, "other-scheme")
	}
	if kinds == nil {
		return "none"
	}
	return strings.Join(kinds, ",")
}

// bearer returns the one Bearer value; two Authorization lines are none.
func bearer(r *http.Request) (string, bool) {
	lines := r.Header.Values("Authorization")
	if len(lines) != 1 {
		return "", false
	}
	scheme, value, ok := strings.Cut(lines[0], " ")
	return strings.TrimSpace(value), ok && strings.EqualFold(scheme, "Bearer")
}

// looksLikeToken is deliberately written apart from package rewrite, whose
// work it judges.
func looksLikeToken(value string) bool {
	parts := strings.Split(value, ".")
	if len(parts) != 3 && len(parts) != 5 {
		return false
	}
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[0], "="))
	var head struct {
		Alg string `json:"alg"`
	}
	return err == nil && json.Unmarshal(raw, &head) == nil && head.Alg != ""
}

// gatewayError is an error that APIM itself makes. The spaces are APIM's: the
// 401 for a missing key has 152 bytes.
func gatewayError(status int, message string) answer {
	return answer{
		status:      status,
		contentType: "application/json",
		frames:      one([]byte(fmt.Sprintf(`{ "statusCode": %d, "message": %q }`, status, message))),
	}
}

// serviceError is an error in the form of Azure OpenAI's front.
func serviceError(status int, message string) answer {
	return answer{
		status:      status,
		contentType: "application/json",
		frames:      one([]byte(fmt.Sprintf(`{"error":{"code":"%d","message":%q}}`, status, message))),
	}
}

func serviceUnauthorized() answer {
	return serviceError(http.StatusUnauthorized, serviceRefuses)
}

// invalidRequest is an error in the form of the model servers.
func invalidRequest(message string) answer {
	return jsonAnswer(http.StatusBadRequest, object{"error": object{
		"message": message, "type": "invalid_request_error", "param": nil, "code": nil,
	}})
}
