package report

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/apim-edge/apim-edge/internal/census"
)

// Caller is one who calls one route.
type Caller struct {
	Route string `json:"route"`
	// Who is the caller as the census knows it: key:HASH, app:ID, client:NAME, or a kind
	// of client where nothing else is known.
	Who string `json:"who"`
	// Clients are the programs that the caller uses, with their versions.
	Clients []string `json:"clients"`
	Models  []string `json:"models,omitempty"`
	// Needs says that the caller would fail without the edge. Uses are the rules that it
	// uses then, Why is the reason in words.
	Needs bool     `json:"needs_edge"`
	Uses  []string `json:"uses,omitempty"`
	Why   string   `json:"why"`
	// Recent says that the caller came in the days that are asked for.
	Recent    bool      `json:"recent"`
	Exchanges int64     `json:"exchanges"`
	Failed    int64     `json:"failed"` // 4xx and 5xx
	Hint      string    `json:"hint,omitempty"`
	First     time.Time `json:"first"`
	Last      time.Time `json:"last"`
	// LastNeed is when it last came with a need: one that has moved still comes.
	LastNeed time.Time `json:"last_needing,omitzero"`
}

// callers returns all callers, those who need the edge first, and the busiest of these.
func (m *maker) callers() []Caller {
	all := []Caller{}
	for _, e := range m.routes {
		byWho := map[string][]*census.Row{}
		for _, r := range e.rows {
			byWho[r.Caller()] = append(byWho[r.Caller()], r)
		}
		for who, rows := range byWho {
			e.callers = append(e.callers, m.caller(e, who, rows))
		}
		all = append(all, e.callers...)
	}
	slices.SortFunc(all, func(a, b Caller) int {
		return cmp.Or(order(b.Recent)-order(a.Recent), order(b.Needs)-order(a.Needs), cmp.Compare(b.Exchanges, a.Exchanges), strings.Compare(a.Route, b.Route), strings.Compare(a.Who, b.Who))
	})
	return all
}

func order(b bool) int {
	if b {
		return 1
	}
	return 0
}

// caller sums up the rows of one. What it has not done lately no longer counts as a need.
func (m *maker) caller(e *evidence, who string, rows []*census.Row) Caller {
	c := Caller{Route: e.name, Who: cmp.Or(who, "unknown")}
	var why []string
	for _, r := range rows {
		recent := m.recent(r)
		c.Recent = c.Recent || recent
		c.Exchanges += r.Counts.Total()
		c.Failed += r.Counts.Wrong + r.Counts.Fault
		add(&c.Clients, strings.TrimSpace(r.Client+" "+r.Version))
		if r.Model != "" {
			add(&c.Models, r.Model)
		}
		if r.Last.After(c.Last) {
			c.Last, c.Hint = r.Last, r.Hint
		}
		if c.First.IsZero() || r.First.Before(c.First) {
			c.First = r.First
		}
		if r.Needs != "" && r.Last.After(c.LastNeed) {
			c.LastNeed = r.Last
		}
		if !recent {
			continue
		}
		uses := usesOf(r)
		if len(uses) == 0 {
			add(&why, withoutEdge(r, &e.setup))
		}
		for _, u := range uses {
			c.Needs = true
			add(&c.Uses, u)
		}
	}
	slices.Sort(c.Uses)
	switch {
	case !c.Recent:
		c.Why = "has not come since " + date(c.Last)
	case c.Needs:
		why = nil
		for _, u := range c.Uses {
			add(&why, ruleOf(u).breaks)
		}
	}
	if c.Recent {
		c.Why = strings.Join(why, "; ")
	}
	slices.Sort(c.Clients)
	slices.Sort(c.Models)
	return c
}

func add(list *[]string, text string) {
	if text != "" && !slices.Contains(*list, text) {
		*list = append(*list, text)
	}
}

// withoutEdge says why a caller who needs nothing would fare no worse without the edge.
func withoutEdge(r *census.Row, s *census.Setup) string {
	refused := ""
	if r.Counts.OK == 0 && r.Counts.Moved == 0 && r.Counts.Other == 0 && r.Counts.Wrong > 0 {
		refused = "; it is refused today as well"
	}
	switch r.Reason {
	case "explicit_key", "bearer_key":
		return "its key comes in " + field(s) + ", where the API looks: the edge passes it on as it is" + refused
	case "explicit_key_wins":
		return "its key comes in " + field(s) + ", where the API looks; what stands in Authorization would then go to the API, too" + refused
	case "token":
		return "its token comes as Authorization: Bearer and goes on as it is" + refused
	case "token_and_key":
		return "its token and its key come where the API looks, and go on as they are" + refused
	case "misplaced_token":
		return "its token is left where it comes" + refused
	case "other_scheme", "no_credential":
		return "the edge does nothing to its credentials" + refused
	case "undecided":
		return "it was answered before its credentials were looked at"
	}
	return "the edge refuses it (" + r.Reason + "); what the API would say is not known"
}

// Client is a version of a program that puts tokens where keys belong, or both.
type Client struct {
	Name      string    `json:"client"`
	Version   string    `json:"version,omitempty"`
	Reason    string    `json:"reason"`
	Callers   int       `json:"callers"`
	Exchanges int64     `json:"exchanges"`
	Last      time.Time `json:"last"`
}

// clients are the versions that misplace tokens.
func (m *maker) clients() []Client {
	type key struct{ name, version, reason string }
	found, who := map[key]*Client{}, map[key]map[string]bool{}
	for _, e := range m.routes {
		for _, r := range e.rows {
			switch r.Reason {
			case "misplaced_token", "swapped", "token_wins":
			default:
				continue
			}
			k := key{r.Client, r.Version, r.Reason}
			if found[k] == nil {
				found[k], who[k] = &Client{Name: r.Client, Version: r.Version, Reason: r.Reason}, map[string]bool{}
			}
			c := found[k]
			c.Exchanges += r.Counts.Total()
			if who[k][r.Caller()] = true; r.Last.After(c.Last) {
				c.Last = r.Last
			}
		}
	}
	all := []Client{}
	for k, c := range found {
		c.Callers = len(who[k])
		all = append(all, *c)
	}
	slices.SortFunc(all, func(a, b Client) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Version, b.Version), strings.Compare(a.Reason, b.Reason))
	})
	return all
}
