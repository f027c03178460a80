// Package keyring keeps the credentials that the edge itself shows to upstreams: it has
// their values fetched in the background, hands each change to the data path, and tells
// people what goes wrong, once.
//
//	ring := keyring.New(log, cause, func() keyring.Platform { return azure.New(azure.Options{}) })
//	credential, stop, err := ring.Open("east", conf.Upstreams["east"].Auth)
package keyring

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/health"
	"github.com/apim-edge/apim-edge/internal/identity/upkeep"
	"github.com/apim-edge/apim-edge/internal/secret"
	"github.com/apim-edge/apim-edge/proxy/upstream"
)

// Ring holds the credentials of all upstreams, and the values of vaults that stand
// elsewhere in the configuration.
type Ring struct {
	log      zerolog.Logger
	cause    *health.Cause
	platform func() Platform

	mu      sync.Mutex // guards what stands below. Nobody stops a value under it: its end may wait for it
	values  map[source]*value
	entries []*entry
	begun   bool // a configuration is in use: all its upstreams are in entries
	ready   bool // every upstream has had its credential once since then
	ended   sync.WaitGroup
}

// value is one that is kept, for all who use it: a reload that changes an upstream in
// another way goes on with what is there.
type value struct {
	source
	*upkeep.Kept
	users int
	told  condition
}

// condition is what people have been told of a value. Each is worse than the one before.
type condition uint8

const (
	good condition = iota
	stale
	missing
)

// entry is the credential of one upstream.
type entry struct {
	name       string
	credential *upstream.Credential
	values     []*value
}

// New returns a ring without a credential. platform is asked for where one is needed
// that comes from there. cause says what is missing.
func New(log zerolog.Logger, cause *health.Cause, platform func() Platform) *Ring {
	return &Ring{log: log, cause: cause, platform: sync.OnceValue(platform), values: map[source]*value{}}
}

// Open returns the credential of an upstream, kept current until stop is called. What
// only this machine is asked for is there at once, and an error if it is not. Anything
// else may come later.
func (r *Ring) Open(name string, a config.Auth) (c *upstream.Credential, stop func(), err error) {
	e := &entry{name: name}
	e.credential = upstream.NewCredential(a.Header, a.Source(), a.KeepCaller, func(event upstream.CredentialEvent) { r.refused(e, event) })
	for _, s := range sourcesOf(a) {
		v := r.take(s)
		e.values = append(e.values, v)
		if s.local() {
			<-v.Asked()
			if state := v.State(); state.Got.IsZero() {
				r.release(e.values)
				return nil, nil, state.Err
			}
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.entries = append(r.entries, e)
	e.update()
	r.report()
	return e.credential, sync.OnceFunc(func() { r.close(e) }), nil
}

func (r *Ring) close(e *entry) {
	r.mu.Lock()
	r.entries = slices.DeleteFunc(r.entries, func(other *entry) bool { return other == e })
	r.report()
	r.mu.Unlock()
	r.release(e.values)
}

// take returns the value of a source, kept until release.
func (r *Ring) take(s source) *value {
	r.mu.Lock()
	defer r.mu.Unlock()
	v := r.values[s]
	if v == nil {
		v = &value{source: s}
		o := s.upkeep(r.platform)
		o.Changed = func(state upkeep.State) { r.changed(v, state) }
		v.Kept = upkeep.Keep(o)
		r.values[s] = v
	}
	v.users++
	return v
}

// release gives values back. One that nobody uses any more ends by itself: what is under
// way with the platform is not waited for.
func (r *Ring) release(values []*value) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, v := range values {
		if v.users--; v.users == 0 {
			delete(r.values, v.source)
			r.ended.Go(v.Stop)
		}
	}
}

// Prepare has the values of a configuration asked for all at once, and waits until each
// has been, but not long: with what comes later the edge serves later. done gives them
// back when the configuration is in use, or is not going to be.
func (r *Ring) Prepare(conf config.Config, patience time.Duration) (done func()) {
	var values []*value
	for _, up := range conf.Upstreams {
		if up.Auth.Set() {
			for _, s := range sourcesOf(up.Auth) {
				values = append(values, r.take(s))
			}
		}
	}
	late := time.After(patience)
	for _, v := range values {
		select {
		case <-v.Asked():
			continue
		case <-late:
		}
		break
	}
	return func() {
		r.release(values)
		r.begin()
	}
}

func (r *Ring) begin() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.begun = true
	r.report()
}

// patience is how long whoever needs a vault's value to go on waits for the first one.
const patience = 10 * time.Second

// Current answers for vaulted secrets that are no credential of an upstream: admin.token,
// proxy and the like (secret.UseVaults). Who asks first waits for the first answer. Such a
// value is kept until Close.
func (r *Ring) Current(v secret.Vaulted) (secret.Value, error) {
	s := source{ref: v.String()}
	r.mu.Lock()
	known := r.values[s]
	r.mu.Unlock()
	if known == nil {
		known = r.take(s)
	}
	select {
	case <-known.Asked():
	case <-time.After(patience):
	}
	state := known.State()
	if state.Value.IsZero() {
		return state.Value, state.Err
	}
	return state.Value, nil
}

// Close ends everything.
func (r *Ring) Close() {
	r.mu.Lock()
	for s, v := range r.values {
		delete(r.values, s)
		r.ended.Go(v.Stop)
	}
	r.mu.Unlock()
	r.ended.Wait()
}

// changed hands a new state to whom it concerns. It runs on the value's own goroutine.
func (r *Ring) changed(v *value, state upkeep.State) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.entries {
		if slices.Contains(e.values, v) {
			e.update()
		}
	}
	now := good
	switch {
	case state.Value.IsZero():
		now = missing
	case state.Err != nil:
		now = stale
	}
	if now != v.told {
		v.tell(r.log, now, state)
		v.told = now
	}
	r.report()
}

func (v *value) tell(log zerolog.Logger, now condition, state upkeep.State) {
	switch now {
	case good:
		log.Info().Str("source", v.String()).Msg("a credential can be had again")
	case stale:
		log.Warn().Str("source", v.String()).Err(state.Err).Time("from", state.Got).Msg("a credential cannot be had anew; the last good one stays in use")
	case missing:
		log.Error().Str("source", v.String()).Err(state.Err).Msg("a credential cannot be had; what needs it is answered with 503")
	}
}

// update hands the values to the data path.
func (e *entry) update() {
	var values [2][]byte
	for i, v := range e.values {
		values[i] = inField(e.credential.Field, v.State().Value)
	}
	e.credential.Set(values[0], values[1])
}

// refused tells of what the upstream makes of the keys. It is called on loops.
func (r *Ring) refused(e *entry, event upstream.CredentialEvent) {
	line := r.log.Error().Str("upstream", e.name)
	if event == upstream.SecondInUse {
		line.Str("refused", e.values[0].String()).Str("in_use", e.values[1].String()).
			Msg("the upstream refuses the first key with 401; the second stays in use until the first is another one")
	} else {
		line.Str("refused", e.credential.Source).Msg("the upstream answers 401 to every key that apim-edge has for it")
	}
	for _, v := range e.values {
		v.Nudge() // it may have been replaced already
	}
}

// report says in /readyz what is missing. It makes the instance unready only until all
// has been there once: later an outage of whoever gives credentials out must not take
// down what does not need them.
func (r *Ring) report() {
	var lacking, failing []string
	for _, e := range r.entries {
		for _, v := range e.values {
			if state := v.State(); state.Err != nil {
				failing = append(failing, fmt.Sprintf("upstream %s: %s: %v", e.name, v, state.Err))
			}
		}
		if e.credential.Shown().Line == nil {
			lacking = append(lacking, e.name)
		}
	}
	r.ready = r.ready || r.begun && len(lacking) == 0
	slices.Sort(failing)
	detail := strings.Join(failing, "; ")
	switch {
	case len(failing) == 0:
		r.cause.Clear()
	case !r.ready:
		r.cause.Raise(detail)
	default:
		r.cause.Note(detail)
	}
}
