package identity

import (
	"time"

	"github.com/apim-edge/apim-edge/internal/identity/token"
)

// Explained is what one policy finds in a request.
type Explained struct {
	Policy string
	// There tells whether the request has a token where the policy looks for it.
	There bool
	// Findings are those of every check, in their order.
	Findings []token.Finding
	// Says is the token, decoded and masked: what it says is not believed.
	Says []string
}

// Explain is Judge for a person: each check with its verdict, also those behind one that
// has failed. Where the keys of the issuer are not at hand, the token is taken for
// genuine, and the findings say so. It costs what it costs: it is not for the data path.
func (g *Gate) Explain(r *Request, now time.Time) (all []Explained, o Outcome) {
	verdicts := make([]Verdict, len(g.Policies))
	for i, p := range g.Policies {
		e := Explained{Policy: p.Name}
		verdicts[i] = Verdict{Refusal: notAsked}
		if text := p.textOf(r); text != nil {
			e.There = true
			e.Findings = p.Policy.Explain(string(text), now, p.sets())
			e.Says = p.Describe(string(text), now)
			verdicts[i] = p.verdictOf(string(text), now, e.Findings)
		}
		all = append(all, e)
	}
	o, _ = g.Judge(nil, r, verdicts, now)
	return all, o
}

// verdictOf returns the first refusal, which is that of the data path, and what has passed
// as the data path has it.
func (p *Policy) verdictOf(text string, now time.Time, findings []token.Finding) Verdict {
	for _, f := range findings {
		if f.Refusal != nil {
			return Verdict{Refusal: f.Refusal}
		}
	}
	switch v, r := p.Verify(text, now, p.sets()); {
	case r == nil:
		return Verdict{Passed: p.passed(v)}
	case !p.guard.options.Offline:
		return Verdict{Refusal: r}
	}
	return Verdict{Passed: &Passed{Policy: p.Name}} // as far as can be said without the keys
}
