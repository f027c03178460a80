package main

import (
	"fmt"

	"github.com/apim-edge/apim-edge/internal/identity"
	"github.com/apim-edge/apim-edge/internal/identity/token"
)

// tokens prints what each policy of the route finds: the token as it says of itself,
// masked, and every check with its verdict.
func (p *printer) tokens(all []identity.Explained) {
	for i, e := range all {
		if !e.There {
			p.line("token", "token_policies."+e.Policy+": there is none where this policy looks for it")
			continue
		}
		if i == 0 || !all[i-1].There {
			p.lines("the token says, which is not believed yet", e.Says)
		}
		var lines []string
		for _, f := range e.Findings {
			lines = append(lines, finding(f))
		}
		p.lines("token_policies."+e.Policy, lines)
	}
}

func finding(f token.Finding) string {
	switch {
	case f.Refusal != nil:
		return fmt.Sprintf("fails    %v: %s", f.Check, f.Refusal.Text)
	case f.Unavailable:
		return fmt.Sprintf("open     %v: the issuer's keys are not at hand (--online asks for them)", f.Check)
	case f.Skipped:
		return fmt.Sprintf("open     %v: it needs what is open or fails above", f.Check)
	}
	return fmt.Sprintf("passes   %v", f.Check)
}
