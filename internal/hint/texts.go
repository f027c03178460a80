package hint

// Where texts are documented, or were seen in public. azure-docs and ai-docs are the
// repositories MicrosoftDocs/azure-docs and MicrosoftDocs/azure-ai-docs.
const (
	errorHandling = "azure-docs: articles/api-management/api-management-error-handling-policies.md"
	subscriptions = "azure-docs: articles/api-management/api-management-subscriptions.md"
	validateJWT   = "azure-docs: articles/api-management/validate-jwt-policy.md"
	keySDK        = "openai/openai-python issue 3282; openai-python-enterprise-logging issue 6"
	quota         = "azure-docs: articles/api-management/quota-policy.md"
	identity      = "ai-docs: articles/ai-foundry/openai/how-to/managed-identity.md"
	lifecycle     = "ai-docs: articles/ai-foundry/openai/api-version-lifecycle.md"
	serviceQuota  = "ai-docs: articles/ai-foundry/openai/includes/quota-2.md"
)

// texts are what is told of each hint.
var texts = [Count]struct {
	name   string
	owner  Owner
	means  string
	change string
	source string
}{
	Unknown: {"unknown", Nobody, "the answer is none of those that are known here",
		"read its text: it stands in the body that the client got", "none"},

	KeyMissing: {"key_missing", APIM, "no subscription key came in the field or query parameter that this API looks at",
		"send the key; apim-edge doctor says in which field, and the edge moves it there", errorHandling},
	KeyOrApplicationTokenMissing: {"key_or_application_token_missing", APIM,
		"neither a subscription key in the field that this API looks at, nor a token of a client application that the product knows",
		"send the key, or register the application with the product", "openai/codex issue 3048"},
	KeyInOtherField: {"key_in_other_field", APIM, "a key was sent, but API Management looks for it in another field",
		"set credential.header of the route to the field that this API wants; apim-edge doctor reads it from WWW-Authenticate", subscriptions},
	KeyLostOnTheWay: {"key_lost_on_the_way", Between, "the key was sent in the field that API Management names, and did not arrive there",
		"look for a proxy or firewall between the edge and API Management that takes the field away", subscriptions},
	TokenInsteadOfKey: {"token_instead_of_key", APIM, "a token was sent, and this API asks for a subscription key",
		"send a key as well, or switch off \"subscription required\" for the API and check the token by validate-azure-ad-token", errorHandling},
	KeyInvalid: {"key_invalid", APIM, "the key is unknown, suspended or expired, or a good one of another product or API",
		"compare it with the subscription in API Management, and look whether its product or scope holds this API", errorHandling},
	JWTMissing: {"jwt_missing", APIM, "a validate-jwt policy found no token where it looks",
		"send a token in the field that the policy names, Authorization as a rule", validateJWT},
	JWTInvalid: {"jwt_invalid", APIM, "a validate-jwt or validate-azure-ad-token policy refused what it found: not a token, expired, or of another issuer or audience",
		"compare the token's aud, iss and exp with the policy; where a key stands in Authorization, keep_authorization must be off", validateJWT},
	QuotaExhausted: {"quota_exhausted", APIM, "the quota of the subscription is used up",
		"wait for as long as the text says, or raise the quota of the product", quota},
	AddressRefused: {"address_refused", APIM, "an ip-filter policy refused the address that the request came from",
		"add the edge's outgoing address to the policy", errorHandling},
	OperationUnknown: {"operation_unknown", APIM, "no API or operation fits method and path",
		"compare the path with the API's URL suffix and operations: an import of the legacy shape has no /openai/v1/", errorHandling},
	RateLimited: {"apim_rate_limited", APIM, "a rate-limit policy of API Management refused the call",
		"wait as Retry-After says, or raise the limit of the product", "azure-docs: articles/api-management/rate-limit-policy.md"},
	TokensLimited: {"tokens_limited", APIM, "a token-limit policy of API Management refused the call",
		"wait as Retry-After says, or raise the limit of tokens", "azure-docs: articles/api-management/azure-openai-token-limit-policy.md"},
	PolicyFailed: {"policy_failed", APIM, "an expression or policy failed, or the service behind it was not reached or too slow",
		"give the activityId to the owner of API Management; it is not the model's fault", errorHandling},
	PoolUnavailable: {"pool_unavailable", APIM, "every member of API Management's backend pool has tripped its circuit breaker",
		"wait; then look at the limits of the services behind it", "azure-docs: articles/api-management/backends.md; Azure-Samples/AI-Gateway issue 262"},

	ServiceKeyInvalid: {"service_key_invalid", AzureOpenAI, "the model's resource refused the key of a request that API Management let in: it was passed the caller's",
		"have API Management set the service's own key or its managed identity by policy; where a token stands in api-key, send it as Bearer", keySDK},
	ServiceTokenInvalid: {"service_token_invalid", AzureOpenAI, "the service found no token, or one that has expired or is for another audience",
		"ask for a token of the audience that the text names, https://cognitiveservices.azure.com as a rule", identity},
	ServiceRoleMissing: {"service_role_missing", AzureOpenAI, "the token is good, and who it names lacks a role",
		"give the role Cognitive Services OpenAI User on the resource; it takes minutes to count", identity},
	ServiceKeysDisabled: {"service_keys_disabled", AzureOpenAI, "the service takes tokens only",
		"have API Management sign in by authentication-managed-identity, or send tokens", identity},
	ServiceNetwork: {"service_network", AzureOpenAI, "the service refuses the network that the request came from; credentials were not looked at",
		"open its firewall for API Management, or use its private endpoint", "Azure-Samples/azure-sql-db-chatbot issue 3"},
	DeploymentUnknown: {"deployment_unknown", AzureOpenAI, "the resource has no deployment of that name",
		"compare the name in the path (legacy) or in model (v1) with the resource, upper and lower case too; a new one takes five minutes", lifecycle},
	ServicePathUnknown: {"service_path_unknown", AzureOpenAI, "the service knows no such path, or not under this api-version",
		"compare path and api-version with the service's; look whether a policy rewrites the path", lifecycle},
	APIVersionMissing: {"api_version_missing", AzureOpenAI, "a request in the v1 shape has reached a legacy path",
		"end the client's base_url with /openai/v1/, or send api-version", lifecycle},
	APIVersionTooOld: {"api_version_too_old", AzureOpenAI, "the model or the operation needs a later api-version",
		"send the api-version that the text names, or use the v1 shape", "microsoft/semantic-kernel issue 12268; Aider-AI/aider issue 4029"},
	ModelLacksOperation: {"model_lacks_operation", AzureOpenAI, "the model does not have this operation",
		"use the Responses API for models that have no chat completions", "ai-docs: articles/ai-foundry/openai/how-to/reasoning.md"},
	BodyUnfit: {"body_unfit", AzureOpenAI, "the body does not fit the operation: often the path is doubled",
		"take /chat/completions off the client's base_url", "openai/openai-python issue 2337; langchain-ai/langchain issue 5867"},
	ServiceRateLimited: {"service_rate_limited", AzureOpenAI, "the quota of the deployment is used up; failed requests count as well",
		"wait as retry-after-ms says, send less at a time, or raise the deployment's quota", serviceQuota},
	ServiceBusy: {"service_busy", AzureOpenAI, "the capacity that customers share is used up",
		"wait as retry-after-ms says, or use another region or provisioned throughput", serviceQuota},
	ServiceTimeout: {"service_timeout", AzureOpenAI, "the model took too long; SDKs repeat it by themselves, and each try is paid",
		"ask for less at a time, or stream", "openai/openai-python issue 937"},

	PageInsteadOfAPI: {"page_instead_of_api", Between, "a page came instead of an API's answer: a firewall, a proxy or a login stands in between",
		"look for who signs the page: correct the URL if it is not the API's, or else have the edge's requests let through there", "microsoft/azurechat issue 456; zhayujie/CowAgent issue 1529"},
	LoginWanted: {"login_wanted", Between, "somebody on the way wants a login that no OpenAI client can give",
		"look at WWW-Authenticate for who asks; API Management asks for AzureApiManagementKey", "RFC 9110 section 11.6.1"},
}
