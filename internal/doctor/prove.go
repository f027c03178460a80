package doctor

import (
	"context"
	"fmt"
	"net/http"
	"strings"
)

// Shape is how some callers ask: which operation in which shape, and where their
// credentials stand.
type Shape struct {
	// Path is v1 or legacy, Operation that of the census, such as chat/completions.
	Path, Operation, APIVersion string
	// Bearer and Field say what stands in Authorization behind Bearer, and in the field of
	// the key.
	Bearer, Field Kindred
	// Origin is that of a page whose preflight is asked as well; empty: none is.
	Origin string
}

// Kindred is what kind of credential is sent.
type Kindred uint8

// The kinds of credentials.
const (
	NoCredential Kindred = iota
	AKey
	AToken
)

// Proof is what became of one request that was asked without the edge.
type Proof struct {
	Asked string `json:"asked"`
	// Verdict is accepted, refused or unproved.
	Verdict  string `json:"verdict"`
	Evidence string `json:"evidence"`
}

// The verdicts.
const (
	Accepted = "accepted"
	Refused  = "refused"
	Unproved = "unproved"
)

// harmless are the operations that may be asked: with an empty body each is refused
// behind the credential check, and the others only read.
var harmless = map[string]string{
	"chat/completions": http.MethodPost, "completions": http.MethodPost, "embeddings": http.MethodPost, "responses": http.MethodPost,
	"images/generations": http.MethodPost, "audio/speech": http.MethodPost, "models": http.MethodGet, "files": http.MethodGet, "batches": http.MethodGet,
}

// Prove asks the upstream of a target by one cheap request for each shape whether it would
// be accepted without the edge.
func Prove(ctx context.Context, t *Target, shapes []Shape, opt Options) []Proof {
	p := newProber(t, &opt)
	defer p.close()
	f := facts{target: t, opt: &opt}
	p.paths(ctx, &f)
	var all []Proof
	for _, s := range shapes {
		all = append(all, p.prove(ctx, &f, s))
	}
	return all
}

func (p *prober) prove(ctx context.Context, f *facts, s Shape) Proof {
	field := spelled(p.target.route.Credential.Header)
	proof := Proof{Asked: s.describe(field), Verdict: Unproved}
	openai, query := "/openai", ""
	if f.inRoot {
		openai = ""
	}
	if s.APIVersion != "" {
		query = version(s.APIVersion)
	}
	path, method := p.pathOf(openai, s.Path, s.Operation, query), harmless[s.Operation]
	missing := s.missing(p.opt)
	switch {
	case method == "":
		proof.Evidence = "this operation is not asked: it could do something, or needs an id"
		return proof
	case path == "":
		proof.Evidence = "the shape of its path is not known"
		return proof
	case missing != "":
		proof.Evidence = "give " + missing + " to prove it"
		return proof
	}
	r := request{asked: proof.Asked, method: method, path: path}
	if method == http.MethodPost {
		r.body = "{}"
	}
	r.fields = s.fields(field, p.opt)
	proof.judge(p.ask(ctx, r))
	if s.Origin != "" && proof.Verdict == Accepted {
		proof.judgePreflight(p.ask(ctx, request{asked: "preflight of " + s.Origin, method: http.MethodOptions, path: path, fields: [][2]string{
			{"Origin", s.Origin}, {"Access-Control-Request-Method", method}, {"Access-Control-Request-Headers", strings.ToLower(field) + ",authorization,content-type"},
		}}), s.Origin)
	}
	return proof
}

func (s *Shape) describe(field string) string {
	var what []string
	if s.Bearer != NoCredential {
		what = append(what, "Authorization: Bearer "+s.Bearer.named())
	}
	if s.Field != NoCredential {
		what = append(what, field+": "+s.Field.named())
	}
	if len(what) == 0 {
		what = append(what, "no credential")
	}
	return s.Path + " " + s.Operation + ", " + strings.Join(what, " and ")
}

func (k Kindred) named() string { return [...]string{"nothing", "a key", "a token"}[k] }

// missing names the flag without which the shape cannot be asked.
func (s *Shape) missing(opt *Options) string {
	switch {
	case (s.Bearer == AKey || s.Field == AKey) && opt.Key.IsZero():
		return "--key"
	case (s.Bearer == AToken || s.Field == AToken) && opt.Token.IsZero():
		return "--token"
	}
	return ""
}

// fields are the credentials as the callers send them.
func (s *Shape) fields(field string, opt *Options) (all [][2]string) {
	value := func(k Kindred) string { return [...]string{"", opt.Key.Reveal(), opt.Token.Reveal()}[k] }
	if s.Bearer != NoCredential {
		all = append(all, [2]string{authorization, "Bearer " + value(s.Bearer)})
	}
	if s.Field != NoCredential && field != authorization {
		all = append(all, [2]string{field, value(s.Field)})
	}
	return all
}

// judge takes an answer for the proof.
func (p *Proof) judge(a Answer) {
	p.Evidence = a.result()
	switch reach := a.reach(); {
	case reach == accepted:
		p.Verdict = Accepted
	case reach == unanswered, reach == broken, a.Status == http.StatusTooManyRequests:
		p.Verdict = Unproved
	default:
		p.Verdict = Refused
	}
	if a.Said != "" && p.Verdict != Accepted {
		p.Evidence += ": " + a.Said
	}
}

// judgePreflight takes what a browser would be told.
func (p *Proof) judgePreflight(a Answer, origin string) {
	if a.Status >= 200 && a.Status < 300 && len(a.AllowOrigin) == 1 {
		p.Evidence += "; preflights of " + origin + " are answered"
		return
	}
	p.Verdict = Refused
	p.Evidence += fmt.Sprintf("; a preflight of %s gets %d and no permission", origin, a.Status)
}
