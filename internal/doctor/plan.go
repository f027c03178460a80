package doctor

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// nobody is a deployment that no resource has: asking for it shows that credentials and
// path are right, and costs nothing.
const nobody = "apim-edge-doctor"

// madeUp is a key that nobody has, in the form of a real one. Which field is looked at
// shows in the difference between "missing" and "invalid".
const madeUp = "00000000000000000000000000000000"

// LegacyAPIVersion is the last api-version of legacy paths that is not a preview, so that
// every resource has it.
const LegacyAPIVersion = "2024-10-21"

// place is one of the paths that are tried.
type place struct {
	shape              string // "v1" or "legacy"
	what               string
	method, path, body string
	// bare is the answer without a credential, with the one with what was accepted,
	// where something was.
	bare Answer
	with *Answer
}

// facts are the answers, by what they say something about.
type facts struct {
	target  *Target
	opt     *Options
	network *Network

	places []place
	at     *place // where credentials were tried; nil: no operation was found
	inRoot bool   // the operations stand without /openai in front

	keyField string // that WWW-Authenticate names, or where a key was seen
	inQuery  bool   // it is a parameter

	fields    map[string]Answer // the key in each field
	bearer    Answer            // the key as Bearer
	both      Answer            // and in the field as well
	bare      *Answer           // in Authorization, without a scheme
	query     *Answer           // in the query
	token     *Answer           // the token as Bearer
	tokenKey  *Answer           // and a key in the field
	misplaced *Answer           // the token in the field
	winner    [][2]string       // what was accepted

	preflight, page                                          Answer
	edgeBearer, edgeField, edgeBare, edgePreflight, edgePage *Answer
}

// paths finds out which operations there are, without a credential.
func (p *prober) paths(ctx context.Context, f *facts) {
	f.places = p.try(ctx, "/openai")
	if !found(f.places) && !unreached(f.places) {
		if rooted := p.try(ctx, ""); found(rooted) {
			f.places, f.inRoot = rooted, true
		}
	}
	for i := range f.places {
		if f.places[i].bare.reach() != noOperation {
			f.at = &f.places[i]
			return
		}
	}
}

// try asks each operation under a prefix. The first of them is the one that clients ask
// for, so that credentials are tried where they count.
func (p *prober) try(ctx context.Context, openai string) []place {
	legacy := version(p.opt.APIVersion)
	all := []place{
		{shape: "v1", what: "v1 chat", method: http.MethodPost, path: p.pathOf(openai, "v1", "chat/completions", ""), body: "{}"},
		{shape: "legacy", what: "legacy chat", method: http.MethodPost, path: p.pathOf(openai, "legacy", "chat/completions", legacy), body: "{}"},
		{shape: "v1", what: "v1 models", method: http.MethodGet, path: p.pathOf(openai, "v1", "models", "")},
		{shape: "legacy", what: "legacy models", method: http.MethodGet, path: p.pathOf(openai, "legacy", "models", legacy)},
	}
	for i := range all {
		all[i].bare = p.ask(ctx, all[i].request(all[i].what+", no credential", nil))
		if all[i].bare.Failed != "" {
			return all[:i+1]
		}
	}
	return all
}

func version(of string) string { return "?api-version=" + url.QueryEscape(of) }

// pathOf is the path of an operation at the upstream, behind /openai or nothing; empty
// where the shape is not known.
func (p *prober) pathOf(openai, shape, operation, query string) string {
	base := p.target.base() + openai
	switch {
	case shape == "v1":
		base += "/v1"
	case shape != "legacy":
		return ""
	case ofDeployment(operation):
		base += "/deployments/" + url.PathEscape(cmp.Or(p.opt.Deployment, nobody))
	}
	return base + "/" + operation + query
}

// ofDeployment reports whether the legacy path of an operation names a deployment.
func ofDeployment(operation string) bool {
	switch operation {
	case "chat/completions", "completions", "embeddings", "images/generations", "audio/speech":
		return true
	}
	return false
}

func (pl *place) request(asked string, fields [][2]string) request {
	return request{asked: asked, method: pl.method, path: pl.path, body: pl.body, fields: fields}
}

func found(places []place) bool {
	for _, pl := range places {
		if pl.bare.Failed == "" && pl.bare.reach() != noOperation {
			return true
		}
	}
	return false
}

func unreached(places []place) bool { return places[len(places)-1].bare.Failed != "" }

// usual are the fields in which APIs look for the key.
var usual = []string{"api-key", "Ocp-Apim-Subscription-Key"}

// credentials tries the key in each place, and the token.
func (p *prober) credentials(ctx context.Context, f *facts) {
	if f.at == nil || f.at.bare.Failed != "" || f.at.bare.reach() == stopped {
		return
	}
	f.keyField, f.inQuery = spelled(f.at.bare.WantsKeyIn), f.at.bare.inQuery
	key, named := p.opt.Key.Reveal(), "the key"
	if key == "" {
		key, named = madeUp, "a made-up key"
	}
	ask := func(asked string, fields ...[2]string) Answer { return p.ask(ctx, f.at.request(asked, fields)) }
	f.fields = map[string]Answer{}
	for _, name := range f.candidates() {
		f.fields[name] = ask(name+": "+named, [2]string{name, key})
	}
	f.bearer = ask("Authorization: Bearer "+named, [2]string{"Authorization", "Bearer " + key})
	f.settleField()
	f.both = ask("Authorization: Bearer "+named+", and "+f.field()+": "+named, [2]string{"Authorization", "Bearer " + key}, [2]string{f.field(), key})
	if f.keyField == authorization {
		a := ask("Authorization: "+named+", no Bearer", [2]string{"Authorization", key})
		f.bare = &a
	}
	p.inQuery(ctx, f, key, named)
	p.tokens(ctx, f)
	p.winner(ctx, f, key)
}

// authorization is the field of the second way.
const authorization = "Authorization"

// spelled returns the name of a field as it is usually spelled.
func spelled(name string) string {
	for _, u := range append([]string{authorization}, usual...) {
		if strings.EqualFold(name, u) {
			return u
		}
	}
	return name
}

// candidates are the fields to try. Authorization is tried on its own.
func (f *facts) candidates() []string {
	if f.field() != f.keyField || slices.Contains(usual, f.keyField) {
		return usual
	}
	return append([]string{f.keyField}, usual...)
}

// settleField finds the field where APIM does not name it: the one in which a key is
// seen or, where nobody says what is missing, the one in which it is accepted.
func (f *facts) settleField() {
	if bare := f.at.bare.reach(); f.keyField != "" || bare != keyUnseen && bare != turnedAway {
		return
	}
	for _, name := range f.candidates() {
		if f.finds(f.fields[name]) {
			f.keyField = name
			return
		}
	}
	if f.finds(f.bearer) {
		f.keyField = authorization
	}
}

// finds reports whether a key was found where it was sent, by what is said without one.
func (f *facts) finds(a Answer) bool {
	if f.at.bare.reach() == turnedAway {
		return a.reach() == accepted
	}
	return a.seen()
}

// field is where a key is sent besides Authorization.
func (f *facts) field() string {
	if f.keyField == "" || f.inQuery || f.keyField == authorization {
		return usual[0]
	}
	return f.keyField
}

// inQuery tries the query last of all, and only where nothing else will do: URLs are in
// logs.
func (p *prober) inQuery(ctx context.Context, f *facts, key, named string) {
	if f.at.bare.reach() != keyUnseen || f.bearer.seen() {
		return
	}
	for _, a := range f.fields {
		if a.seen() {
			return
		}
	}
	name := "subscription-key"
	if f.inQuery {
		name = f.keyField
	}
	r := f.at.request("query "+name+": "+named, nil)
	sign := "?"
	if strings.Contains(r.path, "?") {
		sign = "&"
	}
	r.path += sign + url.QueryEscape(name) + "=" + url.QueryEscape(key)
	a := p.ask(ctx, r)
	f.query = &a
}

func (p *prober) tokens(ctx context.Context, f *facts) {
	token := p.opt.Token.Reveal()
	if token == "" {
		return
	}
	ask := func(asked string, fields ...[2]string) *Answer {
		a := p.ask(ctx, f.at.request(asked, fields))
		return &a
	}
	f.token = ask("Authorization: Bearer the token", [2]string{"Authorization", "Bearer " + token})
	f.misplaced = ask(f.field()+": the token", [2]string{f.field(), token})
	if key := p.opt.Key.Reveal(); key != "" {
		f.tokenKey = ask("Authorization: Bearer the token, and "+f.field()+": the key", [2]string{"Authorization", "Bearer " + token}, [2]string{f.field(), key})
	}
}

// winner notes what was accepted, and asks the other paths with it: an API that asks for
// a key first tells without one nothing of its operations.
func (p *prober) winner(ctx context.Context, f *facts, key string) {
	bearerKey, bearerToken := [2]string{"Authorization", "Bearer " + key}, [2]string{"Authorization", "Bearer " + p.opt.Token.Reveal()}
	inField := [2]string{f.field(), key}
	given := !p.opt.Key.IsZero()
	switch {
	case f.at.bare.reach() == accepted:
		return
	case given && f.fields[f.field()].reach() == accepted:
		f.winner = [][2]string{inField}
	case given && f.bearer.reach() == accepted:
		f.winner = [][2]string{bearerKey}
	case given && f.both.reach() == accepted:
		f.winner = [][2]string{bearerKey, inField}
	case f.token != nil && f.token.reach() == accepted:
		f.winner = [][2]string{bearerToken}
	case f.tokenKey != nil && f.tokenKey.reach() == accepted:
		f.winner = [][2]string{bearerToken, inField}
	default:
		return
	}
	for i := range f.places {
		a := p.ask(ctx, f.places[i].request(f.places[i].what+", with what is accepted", f.winner))
		f.places[i].with = &a
	}
}

// pages asks as a page of another origin would.
func (p *prober) pages(ctx context.Context, f *facts) {
	if f.at == nil || f.at.bare.Failed != "" {
		return
	}
	f.preflight = p.ask(ctx, p.preflight(f, false))
	f.page = p.ask(ctx, f.at.request("a request of a page", append([][2]string{{"Origin", p.opt.Origin}}, f.winner...)))
}

func (p *prober) preflight(f *facts, edge bool) request {
	return request{asked: "preflight of a page", method: http.MethodOptions, path: f.at.path, edge: edge, fields: [][2]string{
		{"Origin", p.opt.Origin}, {"Access-Control-Request-Method", f.at.method},
		{"Access-Control-Request-Headers", "authorization,content-type"},
	}}
}

// throughEdge asks the same through the edge.
func (p *prober) throughEdge(ctx context.Context, f *facts) {
	if p.target.Edge == nil || f.at == nil || f.fields == nil {
		return
	}
	key, named := p.opt.Key.Reveal(), "the key"
	if key == "" {
		key, named = madeUp, "a made-up key"
	}
	ask := func(asked string, fields ...[2]string) *Answer {
		r := f.at.request(asked, fields)
		r.edge = true
		a := p.ask(ctx, r)
		return &a
	}
	f.edgeBare = ask(f.at.what + ", no credential")
	f.edgeBearer = ask("Authorization: Bearer "+named, [2]string{"Authorization", "Bearer " + key})
	f.edgeField = ask(f.field()+": "+named, [2]string{f.field(), key})
	if token := p.opt.Token.Reveal(); token != "" {
		ask("Authorization: Bearer the token", [2]string{"Authorization", "Bearer " + token})
	}
	preflight := p.ask(ctx, p.preflight(f, true))
	f.edgePreflight = &preflight
	f.edgePage = ask("a request of a page", [2]string{"Origin", p.opt.Origin}, [2]string{"Authorization", "Bearer " + key})
}
