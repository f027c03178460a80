package proxy

import (
	"hash/maphash"

	"github.com/apim-edge/apim-edge/proxy/record"
	"github.com/apim-edge/apim-edge/rewrite"
)

// A shownTarget is what a target looks like where people may see it. Clients ask for few
// targets, again and again, and to look for secrets in one costs a tenth of what the edge
// does for an exchange. So each loop remembers some.
type shownTarget struct {
	policy *rewrite.Policy // by which it was looked at; nil: that of no route
	digest uint64          // of the target, by a seed that nobody knows; 0: empty
	text   []byte
}

// shownTargets are those of one loop, and need no lock. The zero value is ready.
type shownTargets struct {
	seed  maphash.Seed
	known []shownTarget // nil: none was seen yet
}

const (
	rememberedTargets = 64
	rememberedBytes   = 256 // of the text of one; who sends longer ones waits for them to be looked at
)

// at returns the place of a target, and whether what is there is of it. Two targets of one
// digest are taken for one: that happens once in 2^64, and nobody can choose them.
func (s *shownTargets) at(target []byte, p *rewrite.Policy) (place *shownTarget, known bool) {
	if s.known == nil {
		s.seed, s.known = maphash.MakeSeed(), make([]shownTarget, rememberedTargets)
	}
	digest := maphash.Bytes(s.seed, target) | 1
	place = &s.known[(digest>>1)%rememberedTargets]
	if place.digest == digest && place.policy == p {
		return place, true
	}
	*place = shownTarget{policy: p, digest: digest, text: place.text[:0]}
	return place, false
}

// keepTarget keeps path and query of the request as the log may show them. It comes first,
// because only the first of the texts gives back what it was cut from.
func (x *Exchange) keepTarget(r *request) []byte {
	place, known := x.client.store.shown.at(r.Target, x.policy())
	if known {
		k := &x.kept
		at := len(k.text)
		k.text = append(k.text, place.text...)
		return k.text[at:len(k.text):len(k.text)]
	}
	text := x.keepShown(r.Path, r.Query)
	if len(text) > rememberedBytes {
		place.digest = 0
		return text
	}
	place.text = append(place.text, text...)
	return text
}

// keepShown keeps path and query as the log may show them.
func (x *Exchange) keepShown(path, query []byte) []byte {
	k := &x.kept
	at := len(k.text)
	k.text = x.appendShown(k.text, path, query)
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
