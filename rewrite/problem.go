package rewrite

// Problem says why a request is refused, in words for the client. It holds
// names from the configuration only, never a value. The zero Problem is none.
type Problem struct {
	fault        fault
	place, other string
}

// fault is one way in which credentials can be wrong.
type fault uint8

const (
	faultNone fault = iota
	faultSeveralLines
	faultSeveralParameters
	faultSeveralSubprotocols
	faultComma
	faultSpace
	faultCharacters
	faultTooLong
	faultScheme
	faultEscape
	faultTwoKeys
	faultTwoTokens
	faultOneField
	faultMissing
	faultPlaceholder
)

const (
	severalCause  = "In openai-python this comes from default_headers naming the field, in another spelling, besides api_key or azure_ad_token; remove it from default_headers"
	conflictCause = "In the OpenAI SDKs this comes from default_headers, or from OPENAI_API_KEY or AZURE_OPENAI_API_KEY in the environment, besides the credential given in code"
)

// String returns what is wrong, where, which setting of an SDK causes it, and
// what to do. The OpenAI SDKs show it as the text of their exception.
func (p Problem) String() string {
	switch p.fault {
	case faultNone:
		return ""
	case faultSeveralLines:
		return "the request carries " + p.place + " more than once; send it once. " + severalCause
	case faultSeveralParameters:
		return "the request carries " + p.place + " more than once; send it once. In the OpenAI SDKs this comes from default_query (defaultQuery) repeating a parameter of base_url"
	case faultSeveralSubprotocols:
		return "the request offers the subprotocol " + keySubprotocol + "<key> more than once; offer it once. Check the list of protocols that the WebSocket is made with"
	case faultComma:
		return "the value of " + p.place + " contains a comma, so it may be two credentials joined on the way; send one. " + severalCause
	case faultSpace:
		return "the value after Bearer in " + p.place + " contains a space or a tab; a key or token contains none. Check api_key in the SDK for text copied along with it"
	case faultCharacters:
		return "the value of " + p.place + " contains a control character or one outside ASCII; check api_key in the SDK for line ends, typographic quotes and invisible characters copied along with it"
	case faultTooLong:
		return "the value of " + p.place + " is longer than 16 KiB; check what api_key or default_headers in the SDK is set to"
	case faultScheme:
		return "the value of " + p.place + ` says Bearer more than twice; set api_key in the SDK to the bare key or token, it adds "Bearer " itself`
	case faultEscape:
		return p.place + " has a % without two hexadecimal digits; percent-encode its value, or send the key as Authorization: Bearer <key>"
	case faultTwoKeys:
		return p.place + " and " + p.other + " carry different subscription keys, and this route refuses that (on_conflict: reject); send one. " + conflictCause
	case faultTwoTokens:
		return p.place + " and " + p.other + " carry different tokens, and this route refuses that (on_conflict: reject); send one. " + conflictCause
	case faultOneField:
		return p.place + " and " + p.other + " carry two credentials that would go upstream in the same field, and this route refuses that (on_conflict: reject); send one. " + conflictCause
	case faultPlaceholder:
		return "the request carries only a placeholder where its credential belongs, and this route asks for one; set api_key in the SDK to the subscription key"
	default:
		return "the request carries no credential, and this route asks for one; set api_key in the SDK to the subscription key (it is sent as Authorization: Bearer <key>), or send the key in " + p.place
	}
}

// reason returns the reason that a refusal for this problem carries.
func (p Problem) reason() Reason {
	switch p.fault {
	case faultSeveralLines, faultSeveralParameters, faultSeveralSubprotocols, faultComma, faultTwoKeys, faultTwoTokens, faultOneField:
		return ReasonAmbiguous
	case faultMissing, faultPlaceholder:
		return ReasonMissing
	default:
		return ReasonMalformed
	}
}
