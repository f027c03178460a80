package record

// Needs are what a caller would miss if the edge were not there, as a set of bits: why
// the edge cannot be taken away yet.
type Needs uint8

// The needs.
const (
	// NeedsRules: without the credential rules the upstream would find other credentials.
	NeedsRules Needs = 1 << iota
	// NeedsKey: the caller has a key of the edge's own.
	NeedsKey
	// NeedsCredential: the upstream is shown a credential of the edge's own.
	NeedsCredential
	// NeedsBridge: the route leads from one shape of the API to the other.
	NeedsBridge
	// NeedsCORS: a page of another origin has asked, and the edge has answered for that.
	NeedsCORS
)

var needTexts = [...]string{"rules", "client_key", "own_credential", "bridge", "cors"}

// AllNeeds returns each need on its own.
func AllNeeds() []Needs {
	all := make([]Needs, len(needTexts))
	for i := range all {
		all[i] = 1 << i
	}
	return all
}

// List returns the stable texts of the needs, nil for none.
func (n Needs) List() (all []string) {
	for i, text := range needTexts {
		if n&(1<<i) != 0 {
			all = append(all, text)
		}
	}
	return all
}
