package config

// The part of the configuration that says who may pass: a part of config.go that
// stands apart for its length. Its comments are the manual as well.

// TokenPolicy says which tokens are good: of an Entra tenant (tenant_id), or of other
// issuers (openid_configs, signing_keys).
type TokenPolicy struct {
	// An Entra tenant, by its id: keys, issuers and endpoints follow from it, for
	// tokens of version 1 and 2. organizations stands for every tenant; personal
	// accounts are none.
	TenantID string `koanf:"tenant_id"`
	// With tenant_id: organizations, the ids of the tenants that pass. Empty:
	// everybody's.
	Tenants []string `koanf:"tenants"`
	// Microsoft's cloud that the tenant lives in: public, usgovernment or china.
	Cloud string `koanf:"cloud"`
	// URLs of the metadata (OpenID Connect Discovery) of other issuers. It is read
	// at the start and every hour.
	OpenIDConfigs []string `koanf:"openid_configs"`
	// The values of iss that pass. Empty: what the metadata says.
	Issuers []string `koanf:"issuers"`
	// Keys that tokens are signed with, where there is no metadata or beside it:
	// env:NAME, file:/path, keyvault:URL or an https:// URL, of a JWK set or of PEM.
	// They need issuers. What changes there is seen while apim-edge runs.
	SigningKeys []string `koanf:"signing_keys" secret:"keys"`
	// Keys that open encrypted tokens: env:NAME, file:/path or keyvault:URL of a JWK
	// set or of PEM. What is inside has to be a signed token. Empty: none may be encrypted.
	DecryptionKeys []string `koanf:"decryption_keys" secret:"reference"`
	// The values of aud of which a token has to have one: the id or the URI of
	// your API.
	Audiences []string `koanf:"audiences"`
	// Ids of the applications whose tokens pass (azp or appid). Empty: any.
	ClientApplicationIDs []string `koanf:"client_application_ids"`
	// What a token has to say besides, by the name of the claim.
	RequiredClaims map[string]RequiredClaim `koanf:"required_claims" names:"any"`
	// The algorithms that a signature may have. Empty: RS256, and ES256 as well
	// where tenant_id is not set.
	Algorithms []string `koanf:"algorithms"`
	// How far the clocks of the issuer and of apim-edge may be apart.
	ClockSkew Duration `koanf:"clock_skew"`
	// Refuse tokens that never expire.
	RequireExpiration bool `koanf:"require_expiration"`
	// The field that the token stands in. Authorization means the token that the
	// credential rules find, also where an SDK has sent it in the place of the
	// key. Empty: Authorization, where query is empty.
	Header string `koanf:"header"`
	// The query parameter that the token stands in, instead of a field. Browsers,
	// proxies and logs remember URLs: prefer a field.
	Query string `koanf:"query"`
	// How a refusal reads.
	Failed Failed `koanf:"failed"`
}

// RequiredClaim is what one claim has to say.
type RequiredClaim struct {
	// The values that are wanted. Empty: the claim has to be there.
	Values []string `koanf:"values"`
	// any: one of values is enough. all: the claim has to have each of them.
	Match string `koanf:"match" oneof:"any all"`
	// What separates the values in a claim that is one text. Empty: nothing does,
	// save a space in scp and scope.
	Separator string `koanf:"separator"`
}

// Failed replaces what a client is told whose token is refused.
type Failed struct {
	// The status of what would be a 401.
	Status int `koanf:"status"`
	// The text, instead of one that names the check and what would pass.
	Message string `koanf:"message"`
}

// Client is one who has keys of apim-edge's own.
type Client struct {
	// Hashes of the client's keys, as apim-edge key new prints them. Several
	// overlap while a key is exchanged; one that has leaked is gone with the
	// reload that removes it.
	Keys []string `koanf:"keys" secret:"hash"`
	// The last day on which the keys are good (2027-06-30, in UTC), or the moment
	// at which they end (2027-06-30T12:00:00Z). Empty: never.
	Expires string `koanf:"expires" date:"ok"`
	// Names of the routes that the client may use. Empty: each route that asks
	// for clients.
	Routes []string `koanf:"routes"`
	// The key that the upstream is sent instead: env:NAME, file:/path or keyvault:URL.
	// The client's own key never goes upstream. Empty: no key is sent, or that of the
	// upstream's auth.
	UpstreamKey string `koanf:"upstream_key" secret:"reference"`
}

// Require says who may use a route.
type Require struct {
	// Names of token policies, of which a token has to pass one.
	Token []string `koanf:"token"`
	// Ask for a key of clients.
	Client bool `koanf:"client"`
	// Where both are asked for: any lets in who has one of them, all asks for a
	// token in Authorization and a key in the key's field.
	Match string `koanf:"match" oneof:"any all"`
	// From where clients may call, whatever they show: others get 403 before that is
	// looked at.
	Addresses Addresses `koanf:"addresses"`
	// Fields that a request must have, each once, by their names. They tell that it has
	// come through a front that sets them: {X-Azure-FDID: {values: ["env:FRONT_DOOR_ID"]}}.
	// Others get 403 before a credential is looked at. The fields go upstream as they came.
	Headers map[string]RequiredHeader `koanf:"headers" names:"any"`
}
