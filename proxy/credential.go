package proxy

import (
	"bytes"
	"errors"
	"slices"
	"strconv"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/proxy/wire"
)

// An upstream may have a credential of the edge itself. Of two keys it may refuse the
// first: a 401 says that nothing ran, so the request is sent once more, with the second.
// For that it is kept as it was sent (upload.Copy) until the answer is there.

// show chooses what the attempt shows. It is asked each time that the attempt goes on
// waiting for a connection: what has ended meanwhile is not sent.
func (a *attempt) show() error {
	c := a.target.Credential
	if c == nil {
		return nil
	}
	if a.shown = c.Shown(); a.shown.Line != nil {
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

// compose returns what the attempt sends in one write: the head, and what has come of
// the body; all of it where that was sent before, with another key.
func (x *Exchange) compose() *wire.Buf {
	out := x.client.Loop().GetBuf()
	if x.refusedLine != nil {
		sent, own := x.upload.Copy.Bytes(), x.attempt.own()
		out.Set(replaceOwn(slices.Grow(out.Empty(), len(sent)+len(own)), sent, x.refusedLine, own))
		return out
	}
	// A head larger than that of known clients gets room at once: growing would
	// leave a quarter of it unused, and its smaller selves to the collector.
	forwarded, room := x.forwarded(), x.req.Size+headRoom
	if x.crossing != nil {
		room += int(x.upload.Bytes) // which may be much
	}
	out.Set(x.appendBodyHead(forwarded.Append(slices.Grow(out.Empty(), room))))
	return out
}

// replaceOwn appends a request that was sent with the line before to dst, with the line
// now in its place. It is the last of its kind in the head: behind it stands only what
// the edge says of the client.
func replaceOwn(dst, sent, before, now []byte) []byte {
	end := bytes.Index(sent, []byte("\r\n\r\n"))
	at := bytes.LastIndex(sent[:end+2], before)
	return append(append(append(dst, sent[:at]...), now...), sent[at+len(before):]...)
}

// keepSent gives back what was sent, or keeps it where another key may be tried.
func (x *Exchange) keepSent(out *wire.Buf) {
	if s := x.attempt.shown; s != nil && s.Spare() && x.refusedLine == nil {
		x.upload.Forget() // of an attempt before it, which was lost
		x.upload.Keep(out, x.req.Length)
		return
	}
	out.Release()
}

// errRefusedKey tells that the upstream has refused one of two keys, so that nothing ran.
var errRefusedKey = errors.New("the upstream refuses the key that it was shown")

// otherKey reports whether the upstream has refused the key that it was shown, and the
// request is to be sent once more with the other one. If not, nobody needs to keep it.
func (x *Exchange) otherKey() bool {
	a, u := &x.attempt, &x.upload
	if a.shown == nil {
		return false
	}
	again := false
	if a.status == 401 {
		again = a.target.Credential.Refused(a.shown)
	} else {
		a.target.Credential.Accepted(a.shown)
	}
	whole := u.state == uploadNone || u.state == uploadComplete
	if again && whole && u.Copy != nil && x.refusedLine == nil {
		x.refusedLine = a.shown.Line
		return true
	}
	u.Forget()
	return false
}
