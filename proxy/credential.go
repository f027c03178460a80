package proxy

import (
	"errors"
	"strconv"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
)

// An upstream may have a credential of the edge itself. Of two keys it may refuse the
// first: a 401 says that nothing ran, so the request is sent once more, with the second.

// show chooses what the attempt shows of the edge's own credential. It is asked each time that
// the attempt goes on waiting for a connection: what has ended meanwhile is not sent.
func (a *attempt) show() error {
	if a.shown = a.target.Credential.Shown(); a.shown.Line != nil {
		return nil
	}
	return edgeerr.New(edgeerr.NoUpstreamCredential, "upstream "+strconv.Quote(a.target.Name)+
		": the credential that apim-edge shows to it cannot be had now; /readyz and the log say why; nothing was sent")
}

// own returns the line of what the attempt shows, nil for none.
func (a *attempt) own() []byte {
	if a.shown == nil {
		return nil
	}
	return a.shown.Line
}

// errRefusedKey tells that the upstream has refused one of two keys, so that nothing ran.
var errRefusedKey = errors.New("the upstream refuses the key that it was shown")

// otherKey reports whether the upstream has refused the key that it was shown, and the
// request is to be sent once more with the other one.
func (x *Exchange) otherKey() bool {
	a := &x.attempt
	if a.status != 401 {
		a.target.Credential.Accepted(a.shown)
		return false
	}
	again := a.target.Credential.Refused(a.shown) && x.sendable() && !x.keyTried
	x.keyTried = true
	return again
}
