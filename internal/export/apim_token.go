package export

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/apim-edge/apim-edge/internal/config"
)

// tokens writes the check of the route's one token policy.
func (a *apim) tokens() {
	if len(a.route.Require.Token) != 1 || a.closed() != "" {
		return
	}
	p := a.policy()
	if p.TenantID != "" {
		a.entra(p)
		return
	}
	a.jwt(p)
}

// failed are the attributes that all checks of tokens have.
func failed(p config.TokenPolicy) string {
	status := p.Failed.Status
	if status == 0 {
		status = 401
	}
	attributes := fmt.Sprintf(` failed-validation-httpcode="%d"`, status)
	if p.Failed.Message != "" {
		attributes += fmt.Sprintf(` failed-validation-error-message="%s"`, x(p.Failed.Message))
	}
	return attributes + ` output-token-variable-name="token"`
}

// tokenPlace says where the token stands.
func tokenPlace(p config.TokenPolicy) string {
	if p.Query != "" {
		return fmt.Sprintf(`query-parameter-name="%s"`, x(p.Query))
	}
	return fmt.Sprintf(`header-name="%s"`, x(p.Header))
}

var endpoints = map[string]string{"usgovernment": "login.microsoftonline.us", "china": "login.partner.microsoftonline.cn"}

func (a *apim) entra(p config.TokenPolicy) {
	endpoint := ""
	if host := endpoints[p.Cloud]; host != "" {
		endpoint = fmt.Sprintf(` authentication-endpoint="%s"`, host)
	}
	a.open(`<validate-azure-ad-token tenant-id="%s" %s%s%s>`, x(p.TenantID), tokenPlace(p), endpoint, failed(p))
	a.list("client-application-ids", "application-id", p.ClientApplicationIDs)
	a.list("audiences", "audience", p.Audiences)
	a.claims(p)
	a.close("</validate-azure-ad-token>")
}

func (a *apim) jwt(p config.TokenPolicy) {
	scheme := ""
	if strings.EqualFold(p.Header, "Authorization") && p.Query == "" {
		scheme = ` require-scheme="Bearer"`
	}
	a.open(`<validate-jwt %s%s%s require-expiration-time="%t" require-signed-tokens="true" clock-skew="%s">`, tokenPlace(p), scheme, failed(p),
		p.RequireExpiration, strings.TrimSuffix(seconds(p.ClockSkew), "s"))
	for _, u := range p.OpenIDConfigs {
		a.line(`<openid-config url="%s" />`, x(u))
	}
	a.list("audiences", "audience", p.Audiences)
	a.list("issuers", "issuer", p.Issuers)
	claims := p
	if len(p.ClientApplicationIDs) > 0 {
		claims.RequiredClaims = map[string]config.RequiredClaim{"azp": {Values: p.ClientApplicationIDs, Match: "any"}}
		maps.Copy(claims.RequiredClaims, p.RequiredClaims)
	}
	a.claims(claims)
	a.close("</validate-jwt>")
}

func (a *apim) claims(p config.TokenPolicy) {
	if len(p.RequiredClaims) == 0 {
		return
	}
	a.open("<required-claims>")
	for _, name := range slices.Sorted(maps.Keys(p.RequiredClaims)) {
		c := p.RequiredClaims[name]
		separator := ""
		if c.Separator != "" {
			separator = fmt.Sprintf(` separator="%s"`, x(c.Separator))
		} else if name == "scp" || name == "scope" {
			separator = ` separator=" "`
		}
		match := c.Match
		if match == "" {
			match = "any"
		}
		if len(c.Values) == 0 {
			a.line(`<claim name="%s" />`, x(name))
			continue
		}
		a.open(`<claim name="%s" match="%s"%s>`, x(name), match, separator)
		for _, value := range c.Values {
			a.line("<value>%s</value>", x(value))
		}
		a.close("</claim>")
	}
	a.close("</required-claims>")
}
