package issuer

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/apim-edge/apim-edge/internal/identity/keyset"
	"github.com/apim-edge/apim-edge/internal/identity/token"
	"github.com/apim-edge/apim-edge/internal/secret"
)

// Options say with what sources work. The zero value is for production.
type Options struct {
	// Client asks issuers; nil: one that verifies certificates and follows no redirect
	// to another host. A client that is given gets that rule as well.
	Client *http.Client
	// Secrets resolves references; nil: secret.Parse.
	Secrets func(ref string) (secret.Source, error)
	// Notify is told of changes; it may be nil. It is called on the source's goroutine.
	Notify func(*Source, Event)
	// Offline asks nobody: only files and variables have keys.
	Offline bool
}

func (o Options) complete() Options {
	if o.Client == nil {
		o.Client = newClient()
	} else {
		own := *o.Client
		own.CheckRedirect = sameHost
		o.Client = &own
	}
	if o.Secrets == nil {
		o.Secrets = secret.Parse
	}
	if o.Notify == nil {
		o.Notify = func(*Source, Event) {}
	}
	return o
}

// Registry holds the sources in use. They outlive reloads: one that two configurations
// have in common keeps its keys.
type Registry struct {
	options Options
	mu      sync.Mutex
	held    map[token.Place]*held
}

type held struct {
	source *Source
	users  int
}

// NewRegistry returns a registry without sources.
func NewRegistry(o Options) *Registry {
	return &Registry{options: o.complete(), held: map[token.Place]*held{}}
}

// Acquire returns the source of a place, and starts it if it is new. Release gives it
// back. Keys that stand in a file or a variable are read at once, and have to be right.
// Calls must not overlap.
func (r *Registry) Acquire(place token.Place) (*Source, error) {
	if s := r.again(place); s != nil {
		return s, nil
	}
	s, err := r.options.open(place) // unlocked: it may notify somebody who asks for states
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	r.held[place] = &held{source: s, users: 1}
	go s.run(ctx)
	return s, nil
}

// again returns a source that is known, with one user more, or nil.
func (r *Registry) again(place token.Place) *Source {
	r.mu.Lock()
	defer r.mu.Unlock()
	h, found := r.held[place]
	if !found {
		return nil
	}
	h.users++
	return h.source
}

// open makes a source that nobody runs yet.
func (o Options) open(place token.Place) (*Source, error) {
	s := &Source{
		Place: place, every: refreshEvery, notify: o.Notify, state: State{Place: place},
		asked: make(chan struct{}, 1), done: make(chan struct{}),
		next: &round{done: make(chan struct{})}, missing: map[string]time.Time{},
	}
	switch {
	case o.Offline && (place.Kind == token.Metadata || token.IsURL(place.Ref)):
		s.fetch = func(context.Context) (*keyset.Set, []string, error) { return nil, nil, errOffline }
	case place.Kind == token.Metadata:
		s.fetch = fromMetadata(o.Client, place.Ref)
	case token.IsURL(place.Ref):
		s.fetch = func(ctx context.Context) (*keyset.Set, []string, error) {
			return readKeys(ctx, o.Client, place.Ref, "")
		}
	default:
		source, err := o.Secrets(place.Ref)
		if err != nil {
			return nil, err
		}
		s.fetch, s.every = fromSecret(source), recheckEvery
		if err := s.refresh(context.Background()); err != nil && !(o.Offline && errors.Is(err, secret.ErrNotAsked)) {
			return nil, err
		}
	}
	return s, nil
}

var errOffline = errors.New("nobody is asked")

// Release gives a source back. The last one who does ends it, and its keys.
func (r *Registry) Release(s *Source) {
	r.mu.Lock()
	h := r.held[s.Place]
	h.users--
	last := h.users == 0
	if last {
		delete(r.held, s.Place)
	}
	r.mu.Unlock()
	if last {
		s.stop()
	}
}

// States returns how all sources are, in the order of their places.
func (r *Registry) States() []State {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []State
	for _, h := range r.held {
		all = append(all, h.source.State())
	}
	slices.SortFunc(all, func(a, b State) int { return strings.Compare(a.Place.Ref, b.Place.Ref) })
	return all
}

// Unreached says of each source that was never reached why, or nothing at all.
func (r *Registry) Unreached() string {
	var texts []string
	for _, s := range r.States() {
		if s.Keys > 0 {
			continue
		}
		text := s.Place.Ref
		if s.Err != nil {
			text += " (" + s.Err.Error() + ")"
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, ", ")
}

// Close ends what connections are kept to issuers.
func (r *Registry) Close() { r.options.Client.CloseIdleConnections() }

// Ask asks a place once, for whoever checks a configuration.
func Ask(ctx context.Context, o Options, place token.Place) (State, error) {
	o = o.complete()
	defer o.Client.CloseIdleConnections()
	s, err := o.open(place)
	if err != nil {
		return State{Place: place, Err: err}, err
	}
	if s.Keys() == nil {
		err = s.refresh(ctx)
	}
	return s.State(), err
}

// ReadDecryption returns the keys that references lead to, in their order. Offline those
// of a vault are left out.
func (o Options) ReadDecryption(refs []string) ([]*keyset.DecryptionKey, error) {
	resolve := o.complete().Secrets
	var keys []*keyset.DecryptionKey
	var errs []error
	for i, ref := range refs {
		source, err := resolve(ref)
		if err == nil {
			var value secret.Value
			if value, err = source.Current(); err == nil {
				var more []*keyset.DecryptionKey
				more, err = keyset.ParseDecryption([]byte(value.Reveal()))
				keys = append(keys, more...)
			}
		}
		if err != nil && !(o.Offline && errors.Is(err, secret.ErrNotAsked)) {
			errs = append(errs, fmt.Errorf("decryption_keys[%d]: %w", i, err))
		}
	}
	return keys, errors.Join(errs...)
}
