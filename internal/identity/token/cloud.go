package token

import "strings"

// cloud is one of Microsoft's (MicrosoftDocs/entra-docs: authentication-national-cloud.md).
type cloud struct {
	login string // signs tokens of version 2 and serves all metadata
	sts   string // the issuer of version 1
}

var clouds = map[string]cloud{
	"public":       {"https://login.microsoftonline.com", "https://sts.windows.net"},
	"usgovernment": {"https://login.microsoftonline.us", "https://sts.windows.net"},
	"china":        {"https://login.partner.microsoftonline.cn", "https://sts.chinacloudapi.cn"},
}

// issuer1 and issuer2 are what tokens of a tenant say in iss. Which version a token has
// is decided by the registration of the API, not by the endpoint that was asked.
func (c cloud) issuer1(tenant string) string { return c.sts + "/" + tenant + "/" }
func (c cloud) issuer2(tenant string) string { return c.login + "/" + tenant + "/v2.0" }

func (c cloud) metadata1(tenant string) string {
	return c.login + "/" + tenant + "/.well-known/openid-configuration"
}

func (c cloud) metadata2(tenant string) string {
	return c.login + "/" + tenant + "/v2.0/.well-known/openid-configuration"
}

// consumers is the tenant of personal accounts, which organizations leaves out.
const consumers = "9188040d-6c67-4c5b-b112-36a304b66dad"

// isGUID reports whether s is a GUID in lower case, as Entra writes them.
func isGUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i, c := range []byte(s) {
		switch {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case (c < '0' || c > '9') && (c < 'a' || c > 'f'):
			return false
		}
	}
	return true
}

// ofTenant fills a tenant into the issuer that stands beside a key.
func ofTenant(issuer, tenant string) string {
	const mark = "{tenantid}"
	if at := strings.Index(strings.ToLower(issuer), mark); at >= 0 {
		return issuer[:at] + tenant + issuer[at+len(mark):]
	}
	return issuer
}
