package hint

// form is the form of a JSON error.
type form uint8

const (
	anyForm form = iota
	gatewayForm
	serviceForm
)

// row is one known text.
type row struct {
	hint Hint
	// behind is what it is where the answer has apim-request-id, which the front of
	// Azure OpenAI sets: that is an API Management, too, of Microsoft's. 0: the same.
	behind Hint
	status int  // 0: any
	form   form // of the body
	words  []phrase
}

// rows are tried in order: the first one that fits decides. Words are in lower case,
// and all of them stand in the text. Where each was seen is the source of its hint; the
// forms are those of nickromney/apim-simulator and of the policy toolkit of Azure.
var rows = []row{
	{hint: None, words: words("content_filter")}, // not an error of the way
	{hint: None, words: words("responsibleaipolicyviolation")},

	{hint: ServiceKeyInvalid, words: words("invalid subscription key", "wrong api endpoint")},
	{hint: KeyOrApplicationTokenMissing, words: words("missing application", "subscription key")},
	{hint: KeyMissing, words: words("missing", "subscription key")},
	{hint: KeyInvalid, words: words("invalid subscription key")},
	{hint: ServiceTokenInvalid, words: words("access token", "audience")},
	{hint: ServiceRoleMissing, words: words("lacks the required", "action")},
	{hint: ServiceKeysDisabled, words: words("key based authentication", "disabled")},
	{hint: ServiceKeysDisabled, words: words("authenticationtypedisabled")},
	{hint: ServiceNetwork, words: words("virtual network", "firewall")},
	{hint: ServiceNetwork, words: words("public access is disabled")},
	{hint: JWTMissing, words: words("jwt not present")},
	{hint: JWTInvalid, words: words("invalid jwt")},
	{hint: QuotaExhausted, words: words("out of", "quota", "replenished")},
	{hint: QuotaExhausted, words: words("token quota", "exceeded")},
	{hint: RateLimited, behind: ServiceRateLimited, words: words("rate limit is exceeded")},
	{hint: TokensLimited, words: words("token limit is exceeded")},
	{hint: ServiceRateLimited, words: words("requests to the", "have exceeded")},
	{hint: ServiceRateLimited, words: words("requests to", "have been limited")},
	{hint: ServiceBusy, words: words("temporarily unable to process")},
	{hint: ServiceBusy, words: words("experiencing high demand")},
	{hint: DeploymentUnknown, words: words("deploymentnotfound")},
	{hint: DeploymentUnknown, words: words("deployment", "does not exist")},
	{hint: OperationUnknown, words: words("unable to match", "operation")},
	{hint: ServicePathUnknown, form: serviceForm, words: words("resource not found")},
	{hint: OperationUnknown, behind: ServicePathUnknown, words: words("resource not found")},
	{hint: APIVersionMissing, words: words("missing required query parameter", "api-version")},
	{hint: APIVersionTooOld, words: words("enabled only for api", "version")},
	{hint: ModelLacksOperation, words: words("operation does not work with the specified model")},
	{hint: BodyUnfit, words: words("unsupported data type")},
	{hint: PoolUnavailable, words: words("backend pool", "unavailable")},
	{hint: PolicyFailed, words: words("internal server error", "activityid")},
	{hint: ServiceTimeout, words: words("operation was timeout")},
	{hint: AddressRefused, status: 403, form: gatewayForm, words: words("forbidden")},
	{hint: PageInsteadOfAPI, words: words("<html")},

	// Renamed fields rename the text as well ("invalid VCC-API-KEY"), and on-error
	// policies rewrite it: what is left is its beginning.
	{hint: KeyMissing, status: 401, form: gatewayForm, words: words("access denied", "missing")},
	{hint: KeyInvalid, status: 401, form: gatewayForm, words: words("access denied", "invalid")},
}
