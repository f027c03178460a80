package rewrite

import (
	"maps"
	"net/url"
	"slices"
	"strings"
)

// Parameters say which parameters of a query the upstream is sent other than the client
// has sent them. They are no credentials: those are a Policy's. They do not change.
type Parameters struct {
	names   []string // in lower case: first those that end here, then those that have a default
	ending  int      // how many end here
	lengths uint64   // of all names, as a set of bits
	set     []byte   // what is put behind the query: &a=1&b=2
	missing [][]byte // the same, one by one, for what has a default
}

// MaxParameters bounds the names of Parameters, so that what was found of them fits into
// one word.
const MaxParameters = 32

// NewParameters returns what sets some parameters, gives others a value where the client
// has sent none of the name, and removes others. It returns nil where that is nothing.
// Names and values are plain texts; they are percent-encoded here, once.
func NewParameters(set, otherwise map[string]string, remove []string) *Parameters {
	if len(set)+len(otherwise)+len(remove) == 0 {
		return nil
	}
	p := &Parameters{}
	for _, name := range slices.Sorted(maps.Keys(set)) {
		p.add(name)
		p.set = append(p.set, written(name, set[name])...)
	}
	for _, name := range remove {
		p.add(name)
	}
	p.ending = len(p.names)
	for _, name := range slices.Sorted(maps.Keys(otherwise)) {
		p.add(name)
		p.missing = append(p.missing, written(name, otherwise[name]))
	}
	return p
}

func (p *Parameters) add(name string) {
	p.names = append(p.names, strings.ToLower(name))
	p.lengths |= 1 << len(name)
}

// written returns a parameter behind its ampersand.
func written(name, value string) []byte { return []byte("&" + WrittenParameter(name, value)) }

// WrittenParameter returns name and value, which are plain texts, as a query has them. A
// space is %20: not everybody reads a plus as one.
func WrittenParameter(name, value string) string {
	escaped := func(text string) string { return strings.ReplaceAll(url.QueryEscape(text), "+", "%20") }
	return escaped(name) + "=" + escaped(value)
}

// ParameterFault says why a parameter cannot be one of Parameters, or "".
func ParameterFault(name string) string {
	switch {
	case len(name) == 0 || len(name) > maxNameLength:
		return "a parameter here has a name of 1 to 63 characters"
	case strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("&=#%+?", r) }):
		return wrongParameter
	}
	return ""
}

// Edit changes a query that stands at the end of dst, behind its question mark at mark. A
// query that is not there has none: then mark is the length of dst. What is left stays byte
// for byte and in its order, and what is set comes behind it.
func (p *Parameters) Edit(dst []byte, mark int) []byte {
	if len(dst) == mark {
		dst = append(dst, '?')
		return p.behind(dst, mark, 0, true)
	}
	query := dst[mark+1:]
	out, kept, ended := dst[:mark+1], 0, false
	var there uint64
	for start := 0; start <= len(query); {
		end := segmentEnd(query, start)
		name, _ := cutParameter(query[start:end])
		i := p.find(name)
		if i >= 0 && i < p.ending {
			ended = true
		} else {
			if i >= 0 {
				there |= 1 << i
			}
			if kept > 0 {
				out = append(out, '&') // in place: what is left is never longer
			}
			out = append(out, query[start:end]...)
			kept++
		}
		start = end + 1
	}
	return p.behind(out, mark, there, ended)
}

// behind puts what is set behind what is left, and defaults of what is not there. The
// question mark goes where nothing is left that was not empty before.
func (p *Parameters) behind(dst []byte, mark int, there uint64, drop bool) []byte {
	begin := len(dst)
	dst = append(dst, p.set...)
	for i, parameter := range p.missing {
		if there&(1<<(p.ending+i)) == 0 {
			dst = append(dst, parameter...)
		}
	}
	switch {
	case begin > mark+1:
		return dst
	case len(dst) > begin: // without its ampersand
		return append(dst[:begin], dst[begin+1:]...)
	case drop:
		return dst[:mark]
	}
	return dst
}

// find returns the index of a raw name, or -1.
func (p *Parameters) find(name []byte) int {
	if len(name) == 0 {
		return -1
	}
	var plain [maxNameLength]byte
	name = decodeName(&plain, name)
	if p.lengths&(1<<uint(len(name))) == 0 {
		return -1
	}
	for i, known := range p.names {
		if equalFold(name, known) {
			return i
		}
	}
	return -1
}
