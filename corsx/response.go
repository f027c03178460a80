package corsx

// The bounds of the names of families that one response exposes, those that stand
// there twice included, and of their bytes. Azure OpenAI sends about a dozen; a head
// full of them must not cost quadratic time.
const (
	maxExpanded      = 64
	maxExpandedBytes = 4096
)

// Allows reports whether pages of the origin may call at all.
func (p *Policy) Allows(origin []byte) bool {
	// OPTIONS is the method that the library allows under every policy.
	return p.outcome(optionsMethod, origin) != nil
}

var optionsMethod = []byte("OPTIONS")

// AppendResponse appends the CORS field lines of an actual response, without
// Vary (see AppendVary): Access-Control-Allow-Origin, -Allow-Credentials and
// -Expose-Headers, the latter with the families expanded to those of names,
// the field names of the response. It applies to upstream's responses of any
// status and to errors made by the edge alike: without it a page sees a
// network error in place of a 401. When the policy refuses the origin or the
// method, or origin is empty, it appends nothing and returns false. Where the
// method could not be read, pass OPTIONS: every policy allows it.
func (p *Policy) AppendResponse(dst, method, origin []byte, names [][]byte) (out []byte, allowed bool) {
	o := p.outcome(method, origin)
	if o == nil {
		return dst, false
	}
	dst = append(dst, o.fields...)
	dst = append(dst, o.exposed...)
	if !p.exposesAll {
		dst = p.appendFamilies(dst, names)
	}
	return append(dst, "\r\n"...), true
}

func (p *Policy) appendFamilies(dst []byte, names [][]byte) []byte {
	start, count, size := len(dst), 0, 0
	for _, name := range names {
		if !Family(name) || !isToken(name) || p.lists(name) {
			continue
		}
		if count, size = count+1, size+len(name); count > maxExpanded || size > maxExpandedBytes {
			break
		}
		if !hasMember(dst[start:], name) {
			dst = append(dst, ", "...)
			dst = append(dst, name...)
		}
	}
	return dst
}

func (p *Policy) lists(name []byte) bool {
	for _, l := range p.listed {
		if len(l) == len(name) && hasPrefixFold(name, l) {
			return true
		}
	}
	return false
}
