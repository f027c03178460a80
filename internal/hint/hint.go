// Package hint names what a refusal of an upstream means: which of the known texts it
// was, who said it, and what to change. It is pure, and serves the access line, the
// metrics and apim-edge doctor.
//
// Texts of API Management (APIM) and Azure OpenAI change, and operators rewrite them. So
// a text is known by two or three of its words, never by the whole, and what is not
// known is Unknown.
//
//	h := hint.Answer{Status: 401, Reason: "bearer_key", Field: "api-key"}.Head().Of(body)
//	fmt.Println(h, h.Owner(), h.Change())
package hint

//go:generate go test -run TestTheReferenceIsCurrent -update .

// Hint is what an answer is known as. Its text is stable: log, metrics, response field
// and doctor use it.
type Hint uint8

// The hints, by who says them.
const (
	// None: nothing went wrong on the way, such as a prompt that was filtered.
	None Hint = iota
	// Unknown: an error whose text is not known here.
	Unknown

	KeyMissing
	KeyOrApplicationTokenMissing
	KeyInOtherField
	KeyLostOnTheWay
	TokenInsteadOfKey
	KeyInvalid
	JWTMissing
	JWTInvalid
	QuotaExhausted
	AddressRefused
	OperationUnknown
	RateLimited
	TokensLimited
	PolicyFailed
	PoolUnavailable

	ServiceKeyInvalid
	ServiceTokenInvalid
	ServiceRoleMissing
	ServiceKeysDisabled
	ServiceNetwork
	DeploymentUnknown
	ServicePathUnknown
	APIVersionMissing
	APIVersionTooOld
	ModelLacksOperation
	BodyUnfit
	ServiceRateLimited
	ServiceBusy
	ServiceTimeout

	PageInsteadOfAPI
	LoginWanted

	// Count is how many hints there are.
	Count
)

// Owner is whose answer it is.
type Owner uint8

// The owners.
const (
	Nobody Owner = iota
	APIM
	AzureOpenAI
	Between
)

// String returns the stable text of the owner.
func (o Owner) String() string { return [...]string{"unknown", "apim", "azure_openai", "between"}[o] }

// Title returns what people call the owner.
func (o Owner) Title() string {
	return [...]string{"nobody knows", "API Management", "Azure OpenAI, behind API Management", "something on the way"}[o]
}

// All returns every hint that tells something, Unknown included.
func All() []Hint {
	var all []Hint
	for h := Unknown; h < Count; h++ {
		all = append(all, h)
	}
	return all
}

// String returns the stable text of the hint, empty for None.
func (h Hint) String() string { return texts[h].name }

// Owner returns whose answer it is.
func (h Hint) Owner() Owner { return texts[h].owner }

// Means says in a sentence what has happened.
func (h Hint) Means() string { return texts[h].means }

// Change says in a sentence what to change.
func (h Hint) Change() string { return texts[h].change }

// Source names where the text behind the hint is documented, or was seen in public.
func (h Hint) Source() string { return texts[h].source }
