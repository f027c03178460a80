package identity

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/apim-edge/apim-edge/internal/secret"
)

// UpstreamKey is what the upstream is sent in place of a client's own key. It is read
// again while it is used, beside the loop: a rotation in a vault or a file is seen.
type UpstreamKey struct {
	source secret.Source
	value  atomic.Pointer[[]byte]
	at     atomic.Int64 // when it was read, in nanoseconds of the wall clock
}

// rereadEvery is how old a key may be that is used.
const rereadEvery = 30 * time.Second

// NewUpstreamKey reads a key for the first time. Where vaults are not asked, *** stands
// in its place.
func NewUpstreamKey(source secret.Source) (*UpstreamKey, error) {
	k := &UpstreamKey{source: source}
	value, err := source.Current()
	text := []byte(value.Reveal())
	if errors.Is(err, secret.ErrNotAsked) { // explain and check
		text, err = []byte("***"), nil
	}
	if err != nil {
		return nil, err
	}
	k.value.Store(&text)
	k.at.Store(time.Now().UnixNano())
	return k, nil
}

// Current returns the key. It never waits, and allocates nothing while the key is fresh.
func (k *UpstreamKey) Current(now time.Time) []byte {
	at := k.at.Load()
	if now.UnixNano()-at > int64(rereadEvery) && k.at.CompareAndSwap(at, now.UnixNano()) {
		go k.reread()
	}
	return *k.value.Load()
}

// reread keeps the last good key where there is none now: who has told of that is the
// source, or whoever asks it elsewhere.
func (k *UpstreamKey) reread() {
	value, err := k.source.Current()
	if err != nil || value.IsZero() {
		return
	}
	text := []byte(value.Reveal())
	k.value.Store(&text)
}
