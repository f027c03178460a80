package carryover

import "strings"

// carrier returns what carries a policy over, or nil.
func carrier(name string) func(*policy) {
	return map[string]func(*policy){
		"cors": crossOrigin, "set-header": setHeader, "set-query-parameter": setQuery, "set-backend-service": setBackend,
		"validate-jwt": validateJWT, "validate-azure-ad-token": validateEntra, "authentication-managed-identity": managedIdentity,
		"forward-request": forward, "rewrite-uri": rewriteURI, "check-header": checkHeader, "ip-filter": ipFilter, "rate-limit": rateLimit,
		"rate-limit-by-key": rateLimitByKey, "retry": retry, "choose": choose, "set-variable": setVariable,
	}[name]
}

// places are the sections in which a policy may stand, where these are not all.
var places = map[string]string{
	"cors": "inbound", "validate-jwt": "inbound", "validate-azure-ad-token": "inbound", "authentication-managed-identity": "inbound",
	"rewrite-uri": "inbound", "check-header": "inbound", "ip-filter": "inbound", "rate-limit": "inbound", "rate-limit-by-key": "inbound",
	"set-query-parameter": "inbound backend", "set-backend-service": "inbound backend", "forward-request": "backend",
	"authentication-basic": "inbound", "authentication-certificate": "inbound",
}

func allowed(policy, section string) bool {
	in, bound := places[policy]
	return !bound || strings.Contains(" "+in+" ", " "+section+" ")
}
