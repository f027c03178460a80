package carryover

import (
	"net/url"
	"regexp"
	"strings"

	"github.com/apim-edge/apim-edge/internal/apimpolicy"
	"github.com/apim-edge/apim-edge/rewrite"
)

// maxExcerpt bounds what is shown of a policy: its place says where the rest is.
const maxExcerpt = 160

const stars = "***"

// excerpt is the text of an element or attribute without what may be a secret: keys
// stand in policies in plain text.
func excerpt(s spot) string {
	var out strings.Builder
	if s.attr != nil {
		out.WriteString(shownAttr(s.el, *s.attr))
	} else {
		out.WriteString("<" + s.el.Name)
		for _, a := range s.el.Attrs {
			out.WriteString(" " + shownAttr(s.el, a))
		}
		out.WriteString(">")
		out.WriteString(shownText(s.el))
		if s.el.Name == "choose" && len(s.el.Children) > 0 {
			first := s.el.Children[0]
			out.WriteString(" " + excerpt(spot{doc: s.doc, el: first}))
			for _, c := range first.Children {
				out.WriteString(" <" + c.Name + ">")
			}
		}
	}
	text := strings.Join(strings.Fields(out.String()), " ")
	if r := []rune(text); len(r) > maxExcerpt {
		text = string(r[:maxExcerpt]) + " ..."
	}
	return text
}

// shownText is the text of an element, or of the value in it.
func shownText(e *apimpolicy.Element) string {
	v := e.Text
	if value := e.Child("value"); value != nil && e.Name != "claim" {
		v = value.Text
	}
	if v.Text == "" {
		return ""
	}
	return " " + shown(v, plainText[e.Name])
}

// plainText are elements whose text is no secret.
var plainText = map[string]bool{
	"origin": true, "method": true, "header": true, "audience": true, "issuer": true, "application-id": true,
	"set-method": true, "address": true,
}

// plainAttr are attributes whose value is no secret.
var plainAttr = words(`id name exists-action fragment-id backend-id header-name query-parameter-name tenant-id resource
	client-id count interval delta max-interval first-fast-retry timeout timeout-ms calls renewal-period match separator
	failed-validation-httpcode failed-check-httpcode ignore-case require-scheme require-expiration-time
	require-signed-tokens clock-skew output-token-variable-name allow-credentials terminate-unmatched-request
	preflight-result-max-age copy-unmatched-params template code reason mode response-variable-name action from to
	variable-name buffer-response buffer-request-body follow-redirects ignore-error duration key-type caching-type
	counter-key tokens-per-minute estimate-prompt-tokens exact url base-url condition authentication-endpoint failed-validation-error-message
	failed-check-error-message`)

func words(text string) map[string]bool {
	all := map[string]bool{}
	for _, w := range strings.Fields(text) {
		all[w] = true
	}
	return all
}

func shownAttr(e *apimpolicy.Element, a apimpolicy.Attr) string {
	return a.Name + `="` + shown(a.Value, plainAttr[a.Name] || e.Name == "openid-config") + `"`
}

// harmless is a value that is no secret wherever it stands.
var harmless = regexp.MustCompile(`^(?:|[0-9]{1,6}|true|false|(?:\{\{[\w.-]+\}\})+|application/[a-z+-]+|text/[a-z+-]+|Bearer \{\{[\w.-]+\}\})$`)

func shown(v apimpolicy.Value, plain bool) string {
	switch {
	case v.Kind == apimpolicy.Expression:
		return apimpolicy.Masked(v.Text)
	case v.Kind == apimpolicy.Literal && harmless.MatchString(v.Text):
		return v.Text
	case !plain || v.Kind == apimpolicy.Mixed:
		return stars
	case strings.Contains(v.Text, "://"):
		return shownURL(v.Text)
	case rewrite.HoldsSecret([]byte(v.Text)):
		return stars
	}
	return v.Text
}

// shownURL leaves out where a URL may have a secret: user, query and fragment.
func shownURL(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		scheme, rest, _ := strings.Cut(text, "://")
		if strings.ContainsAny(rest, "@?#") {
			return scheme + "://" + stars
		}
		return text
	}
	out := u.Scheme + "://" + u.Host + u.Path
	if u.User != nil {
		out = u.Scheme + "://" + stars + "@" + u.Host + u.Path
	}
	if u.RawQuery != "" || u.Fragment != "" {
		out += "?" + stars
	}
	return out
}
