package identity

import (
	"bytes"
	"errors"
	"sync/atomic"
	"time"

	"github.com/apim-edge/apim-edge/internal/secret"
)

// FieldValue is a secret that stands in a field: what the upstream is sent in place of a
// client's own key, or what a request must have (require.headers). It is read again while
// it is used, beside the loop: a rotation in a vault or a file is seen.
type FieldValue struct {
	source secret.Source
	unread bool // vaults are not asked here
	value  atomic.Pointer[[]byte]
	at     atomic.Int64 // when it was read, in nanoseconds of the wall clock
}

// rereadEvery is how old a value may be that is used.
const rereadEvery = 30 * time.Second

// NewFieldValue reads a value for the first time. Where vaults are not asked, *** stands
// in its place.
func NewFieldValue(source secret.Source) (*FieldValue, error) {
	k := &FieldValue{source: source}
	value, err := source.Current()
	text := []byte("***")
	switch {
	case errors.Is(err, secret.ErrNotAsked): // explain and check
		k.unread = true
	case err != nil:
		return nil, err
	default:
		if text, err = inField(value); err != nil {
			return nil, err
		}
	}
	k.value.Store(&text)
	k.at.Store(time.Now().UnixNano())
	return k, nil
}

// Unread reports whether *** stands in the place of the value.
func (k *FieldValue) Unread() bool { return k.unread }

// Current returns the value, nil where it was withdrawn. It never waits, and allocates
// nothing while the value is fresh.
func (k *FieldValue) Current(now time.Time) []byte {
	at := k.at.Load()
	age := now.UnixNano() - at
	if (age > int64(rereadEvery) || age < 0) && k.at.CompareAndSwap(at, now.UnixNano()) {
		go k.reread()
	}
	return *k.value.Load()
}

// reread takes over what the source has: in an outage that is the last good
// value. Where it has none any more the value was withdrawn: the upstream is sent none, and
// no request has it. Who has told of that is the source, or whoever asks it elsewhere.
func (k *FieldValue) reread() {
	value, err := k.source.Current()
	if errors.Is(err, secret.ErrNotAsked) { // the edge ends, and what runs needs its key
		return
	}
	if text, err := inField(value); err == nil {
		k.value.Store(&text)
	}
}

var errUnfit = errors.New("the value has a character that no field can have, such as a line break")

// inField returns a value as it stands in a field, nil for none. A line break in it would
// make a field of its own.
func inField(value secret.Value) ([]byte, error) {
	text := bytes.TrimSpace([]byte(value.Reveal()))
	for _, c := range text {
		if c < ' ' || c > '~' {
			return nil, errUnfit
		}
	}
	if len(text) == 0 {
		return nil, nil
	}
	return text, nil
}
