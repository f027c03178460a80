package proxy

import (
	"bytes"

	"github.com/apim-edge/apim-edge/proxy/head"
	"github.com/apim-edge/apim-edge/proxy/record"
	"github.com/apim-edge/apim-edge/proxy/usage"
)

// beginUsage has the tokens be read from an answer, where the route asks for that. It
// follows the beginning of the tracker. A POST is what has a model work; who reads again
// what a model has said would have it counted again.
func (x *Exchange) beginUsage() {
	r := x.attempt.resp
	if r.Status/100 != 2 || string(x.kept.of(x.kept.method)) != "POST" {
		return
	}
	switch events := x.body == head.Events; {
	case !r.Readable():
		x.noTokens = record.Compressed
	case !events && !isJSON(r.ContentType()):
		x.noTokens = record.NotJSON
	default:
		x.tap = x.client.store.taps.take()
		if events {
			x.tap.ReadEvents()
		}
		x.down.Track.Tap(x.tap)
	}
}

// isJSON reports whether a body of the type may be JSON. One without a type may be.
func isJSON(contentType []byte) bool {
	kind, _, _ := bytes.Cut(contentType, []byte{';'})
	kind = bytes.TrimSpace(kind)
	return len(kind) == 0 || head.EqualFold(kind, "application/json") || bytes.HasSuffix(kind, []byte("+json"))
}

// tellTokens tells what has been read.
func (x *Exchange) tellTokens(r *record.Record) {
	r.NoTokens = x.noTokens
	if r.Model == "" {
		r.Model = x.route.Usage.ModelIn(x.kept.of(x.kept.path))
	}
	switch {
	case x.tap == nil:
	case x.tap.Tokens.Known():
		r.Tokens = &x.tap.Tokens
	case r.Cut:
		r.NoTokens = record.CutOff
	default:
		r.NoTokens = record.NotTold
	}
}

// dropTap gives the tap back.
func (x *Exchange) dropTap() {
	if x.tap != nil {
		*x.tap = usage.Tap{}
		x.client.store.taps.put(x.tap, false)
		x.tap = nil
	}
}
