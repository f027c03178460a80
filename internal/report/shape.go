package report

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/apim-edge/apim-edge/internal/census"
	"github.com/apim-edge/apim-edge/internal/doctor"
)

// Shapes are the different ways in which the callers of a route have asked since a moment:
// what a proof has to ask. Skipped says of those that cannot be asked why not.
func Shapes(d *census.Document, route string, since time.Time) (all []doctor.Shape, skipped []doctor.Proof) {
	origin, turned := "", false
	for _, s := range d.Setups {
		turned = turned || s.Route == route && looksAtBearer(&s)
		if s.Route == route && len(s.Origins) > 0 && !strings.Contains(s.Origins[0], "*") {
			origin = s.Origins[0]
		}
	}
	for i := range d.Rows {
		r := &d.Rows[i]
		if r.Route != route || !r.Last.After(since) {
			continue
		}
		shape, why := shapeOf(r)
		if why == "" && turned && shape.Field == doctor.AKey {
			why = "these callers sent their key in another field, where the API no longer looks"
		}
		if slices.Contains(r.NeedsList(), "cors") {
			shape.Origin = origin
		}
		if why != "" {
			asked := r.Shape + " " + r.Operation + ", " + cmp.Or(strings.Join(usesOf(r), " "), r.Reason)
			p := doctor.Proof{Asked: asked, Verdict: doctor.Unproved, Evidence: why}
			if !slices.Contains(skipped, p) {
				skipped = append(skipped, p)
			}
			continue
		}
		if !slices.Contains(all, shape) {
			all = append(all, shape)
		}
	}
	return all, skipped
}

// shapeOf is how the callers of a row ask, or why that cannot be repeated.
func shapeOf(r *census.Row) (s doctor.Shape, why string) {
	s = doctor.Shape{Path: r.Shape, Operation: r.Operation, APIVersion: r.APIVersion}
	needs := r.NeedsList()
	switch {
	case slices.Contains(needs, "client_key"):
		return s, "these callers have keys of the edge's own, which the API does not know"
	case slices.Contains(needs, "own_credential"):
		return s, "these callers have no credential of the API: the edge shows its own"
	}
	moved := slices.Contains(needs, "rules")
	switch r.Reason {
	case "bearer_key":
		s.Bearer = doctor.AKey
	case "explicit_key", "explicit_key_wins":
		if moved {
			return s, "the census does not say in which place these callers send their key"
		}
		s.Field = doctor.AKey
	case "token", "other_scheme":
		if moved || r.Reason == "other_scheme" {
			return s, "the census does not say what these callers send besides"
		}
		s.Bearer = doctor.AToken
	case "token_and_key":
		if moved {
			return s, "the census does not say in which place these callers send their key"
		}
		s.Bearer, s.Field = doctor.AToken, doctor.AKey
	case "misplaced_token":
		s.Field = doctor.AToken
	case "swapped":
		s.Bearer, s.Field = doctor.AKey, doctor.AToken
	case "token_wins":
		s.Bearer, s.Field = doctor.AToken, doctor.AToken
	case "no_credential":
	default:
		return s, "the edge has refused these requests itself"
	}
	return s, ""
}
