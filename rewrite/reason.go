package rewrite

// Reason says which row of the table in docs/credentials.md applied. Its text
// is stable: logs, metrics and explain use it.
type Reason uint8

// The reasons. The last three refuse the request; their texts are the codes of
// the error that the client gets.
const (
	// ReasonUndecided: the request ended before its credentials were looked at.
	ReasonUndecided Reason = iota
	ReasonNoCredential
	ReasonBearerKey
	ReasonExplicitKey
	ReasonExplicitKeyWins
	ReasonToken
	ReasonTokenAndKey
	ReasonTokenWins
	ReasonMisplacedToken
	ReasonSwapped
	ReasonOtherScheme
	ReasonAmbiguous
	ReasonMalformed
	ReasonMissing
	reasonCount
)

var reasons = [reasonCount]struct{ text, meaning string }{
	ReasonUndecided:       {"undecided", "the request ended before its credentials were looked at"},
	ReasonNoCredential:    {"no_credential", "the request carries no credential, or only placeholders; nothing was added"},
	ReasonBearerKey:       {"bearer_key", "the subscription key came as Authorization: Bearer and went into the key field"},
	ReasonExplicitKey:     {"explicit_key", "the subscription key came in a field, parameter or subprotocol of its own and went into the key field"},
	ReasonExplicitKeyWins: {"explicit_key_wins", "a subscription key of its own went into the key field; what Authorization carried besides was dropped"},
	ReasonToken:           {"token", "a token came as Authorization: Bearer and went on"},
	ReasonTokenAndKey:     {"token_and_key", "a token in Authorization and a subscription key both went on"},
	ReasonTokenWins:       {"token_wins", "the token in Authorization went on; another token in the key's place was dropped"},
	ReasonMisplacedToken:  {"misplaced_token", "a token came where the subscription key belongs"},
	ReasonSwapped:         {"swapped", "the subscription key came as Authorization: Bearer and a token in the key's place; they changed places"},
	ReasonOtherScheme:     {"other_scheme", "Authorization uses a scheme other than Bearer and went on untouched"},
	ReasonAmbiguous:       {"ambiguous_credential", "the request names several credentials of one kind and was refused"},
	ReasonMalformed:       {"malformed_credential", "a credential contains characters that none can contain, or is too long; the request was refused"},
	ReasonMissing:         {"credential_missing", "the request carries no credential and the route asks for one; it was refused"},
}

// String returns the stable text of the reason.
func (r Reason) String() string { return reasons[r].text }

// Meaning says in one line what happened.
func (r Reason) Meaning() string { return reasons[r].meaning }

// Decided reports whether the credentials were looked at.
func (r Reason) Decided() bool { return r != ReasonUndecided }

// Rejects reports whether the request is refused for this reason.
func (r Reason) Rejects() bool { return r >= ReasonAmbiguous }

// ReasonCount is how many reasons there are, ReasonUndecided included.
const ReasonCount = int(reasonCount)

// Reasons returns every reason that Decide can give, in ascending order.
func Reasons() []Reason {
	var all []Reason
	for r := ReasonUndecided + 1; r < reasonCount; r++ {
		all = append(all, r)
	}
	return all
}

// Notes are what else was seen while deciding, as a set of bits for counters.
type Notes uint8

// The notes.
const (
	// DoubledScheme: "Bearer Bearer" was unwrapped.
	DoubledScheme Notes = 1 << iota
	// BearerInSlot: "Bearer " in front of a value in the key's place was taken off.
	BearerInSlot
	// Placeholder: a value counted as absent and was dropped.
	Placeholder
	// QueryKey: the query has a parameter of the policy. AppendQuery removes
	// something exactly where this is set.
	QueryKey
	// ConflictDropped: a credential lost against another one and was dropped.
	ConflictDropped
	// SubprotocolKey: Sec-WebSocket-Protocol has a key among its members.
	// AppendFields writes its lines anew exactly where this is set.
	SubprotocolKey
	// NeighbourDropped: a field was dropped because some upstreams read its name
	// as that of a governed one.
	NeighbourDropped
)

var noteTexts = [...]string{"doubled_scheme", "bearer_in_slot", "placeholder", "query_key", "conflict_dropped", "subprotocol_key", "neighbour_dropped"}

// Has reports whether all of other are set.
func (n Notes) Has(other Notes) bool { return n&other == other }

// String returns the stable texts of the notes that are set, with commas
// between them, or the empty string.
func (n Notes) String() string {
	text := ""
	for i, name := range noteTexts {
		if n&(1<<i) == 0 {
			continue
		}
		if text != "" {
			text += ","
		}
		text += name
	}
	return text
}

// AllNotes returns each note on its own.
func AllNotes() []Notes {
	all := make([]Notes, len(noteTexts))
	for i := range all {
		all[i] = 1 << i
	}
	return all
}
