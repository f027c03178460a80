package proxy

import (
	"github.com/apim-edge/apim-edge/proxy/record"
	"github.com/apim-edge/apim-edge/rewrite"
)

// A shownTarget is what a target looks like where people may see it. Clients ask for few
// targets, again and again, and to look for secrets in one costs a tenth of what the edge
// does for an exchange. So each loop remembers some.
type shownTarget struct {
	policy *rewrite.Policy // by which it was looked at; nil: that of no route
	text   []byte          // empty: it is too long to be remembered
}

// rememberedBytes is how long a text may be that is remembered. Who sends longer ones waits
// for them to be looked at.
const rememberedBytes = 256

// keepTarget keeps path and query of the request as the log may show them. It comes first,
// because only the first of the texts gives back what it was cut from.
func (x *Exchange) keepTarget(r *request) text {
	shown, known := x.client.store.shown.At(r.Target)
	if known && shown.policy == x.policy() && len(shown.text) > 0 {
		k := &x.kept
		at := len(k.array)
		k.array = append(k.array, shown.text...)
		return k.from(at)
	}
	kept := x.keepShown(r.Path, r.Query)
	shown.policy, shown.text = x.policy(), shown.text[:0]
	if text := x.kept.of(kept); len(text) <= rememberedBytes {
		shown.text = append(shown.text, text...)
	}
	return kept
}

// keepShown keeps path and query as the log may show them.
func (x *Exchange) keepShown(path, query []byte) text {
	k := &x.kept
	at := len(k.array)
	k.array = x.appendShown(k.array, path, query)
	return k.since(at, record.PathBytes)
}

// appendShown appends path and query (nil: none) as people may see them: the only
// way in which either is shown.
func (x *Exchange) appendShown(dst, path, query []byte) []byte {
	dst = x.policy().AppendRedactedPath(dst, path)
	if query == nil {
		return dst
	}
	return x.policy().AppendRedactedQuery(append(dst, '?'), query)
}
