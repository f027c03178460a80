package route

import "cmp"

// Rule says which requests a route is for.
type Rule struct{ Name, Host, PathPrefix string }

// Rules returns what the routes are for, in the order in which they are tried.
func (s *Snapshot) Rules() (all []Rule) {
	for _, r := range s.Routes {
		all = append(all, Rule{r.Name, r.host.text, cmp.Or(r.prefix, "/")})
	}
	return all
}
