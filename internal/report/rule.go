package report

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/apim-edge/apim-edge/internal/census"
)

// Rule is one thing that the edge does, and what would come of it if it did not.
type Rule struct {
	Name      string    `json:"rule"`
	Does      string    `json:"does"`
	Breaks    string    `json:"breaks"`
	Callers   int       `json:"callers"` // in the days that are asked for
	Exchanges int64     `json:"exchanges"`
	Last      time.Time `json:"last,omitzero"`
}

type rule struct{ name, does, breaks string }

// rules are what callers use, by the reasons of decisions and by needs.
var rules = []rule{
	{"bearer_key", "moves a key from Authorization into the API's key field", "its key comes as Authorization: Bearer, where the API does not look: 401"},
	{"misplaced_token", "moves a token from the key's field into Authorization", "its token comes in the key's field, where it is taken for a wrong key: 401"},
	{"swapped", "has a key and a token change places", "its key and its token stand in each other's places: 401"},
	{"token_wins", "drops a second token from the key's field", "a second token stands in the key's field, where it is taken for a wrong key: 401"},
	{"token", "drops what stands in the key's field beside a token, or a Bearer too many", "beside its token something stands in the key's field, or Bearer stands there twice: 401"},
	{"explicit_key", "moves a key out of another field, the URL, a WebSocket subprotocol or from behind Bearer", "its key comes in a place where the API does not look: 401"},
	{"explicit_key_wins", "does the same, and drops a second credential", "its key comes in a place where the API does not look: 401"},
	{"token_and_key", "moves the key that comes beside a token", "the key beside its token comes in a place where the API does not look: 401"},
	{"other_scheme", "moves the key that comes beside another scheme", "its key comes in a place where the API does not look: 401"},
	{"client_key", "takes keys that the edge itself has issued", "it has only a key of the edge's own, which the API does not know: 401"},
	{"own_credential", "shows the API a credential of the edge's own", "it has no credential that the API knows: 401"},
	{"bridge", "leads from one shape of the API to the other", "it asks in a shape that the API does not speak: 404"},
	{"cors", "answers browsers of other origins", "its browser asks the API for permission, and gets none unless API Management has a cors policy"},
}

func ruleOf(name string) rule {
	if i := rank(name); i < len(rules) {
		return rules[i]
	}
	return rule{name: name, does: "is not known to this version: " + name, breaks: "it uses " + name + ", which this version does not know"}
}

// usesOf returns the rules that the exchanges of a row have used. Where the API is shown
// another credential, what becomes of the caller's matters to nobody.
func usesOf(r *census.Row) (all []string) {
	needs := r.NeedsList()
	replaced := slices.Contains(needs, "own_credential") || slices.Contains(needs, "client_key")
	for _, need := range needs {
		if need == "rules" && replaced {
			continue
		}
		if need == "rules" {
			need = r.Reason
		}
		all = append(all, need)
	}
	return all
}

// rules returns each rule that was ever used.
func (m *maker) rules() []Rule {
	found, callers := map[string]*Rule{}, map[string]map[string]bool{}
	var names []string
	for _, e := range m.routes {
		for _, row := range e.rows {
			for _, name := range usesOf(row) {
				if found[name] == nil {
					known := ruleOf(name)
					found[name], callers[name] = &Rule{Name: name, Does: known.does, Breaks: known.breaks}, map[string]bool{}
					names = append(names, name)
				}
				r := found[name]
				r.Exchanges += row.Counts.Total()
				if row.Last.After(r.Last) {
					r.Last = row.Last
				}
				if m.recent(row) {
					callers[name][row.Caller()] = true
				}
			}
		}
	}
	all := []Rule{}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(rank(a)-rank(b), strings.Compare(a, b)) })
	for _, name := range names {
		found[name].Callers = len(callers[name])
		all = append(all, *found[name])
	}
	return all
}

// rank is the place of a rule in the table; others stand behind it.
func rank(name string) int {
	if i := slices.IndexFunc(rules, func(r rule) bool { return r.name == name }); i >= 0 {
		return i
	}
	return len(rules)
}
