package rewrite

import "bytes"

// A query is read as the WHATWG URL standard and APIM read it: parameters are
// separated by & only, and a name ends at the first =. Names are
// percent-decoded and compared without case, because the upstream does so: a
// parameter spelled Subscription%2DKey must not slip past.

// span is the raw value of a parameter in a query; end 0: absent.
type span struct{ start, end int32 }

func (p *Policy) readQuery(d *Decision, s *slot, query []byte) {
	var at [maxNames]span
	repeated := maxNames
	for start := 0; start <= len(query); {
		end := segmentEnd(query, start)
		name, value := cutParameter(query[start:end])
		if i := p.param(name); i >= 0 {
			d.Notes |= QueryKey
			if at[i].end != 0 {
				repeated = min(repeated, i)
			}
			at[i] = span{int32(end - len(value)), int32(end)}
		}
		start = end + 1
	}
	if !d.Notes.Has(QueryKey) {
		return
	}
	if repeated < maxNames {
		d.reject(Problem{fault: faultSeveralParameters, place: p.params[repeated].text})
		return
	}
	for i := range p.params {
		if at[i].end != 0 {
			p.readParameter(d, s, query[at[i].start:at[i].end], int8(inQuery+i))
		}
	}
}

func (p *Policy) readParameter(d *Decision, s *slot, raw []byte, at int8) {
	value, ok := decodeValue(raw)
	if !ok {
		d.reject(Problem{fault: faultEscape, place: p.text(at)})
		return
	}
	p.readSlot(d, s, value, at)
}

// decodeValue percent-decodes a value and takes spaces off its ends. A plus
// stays a plus: keys may contain one, but hardly a space. Only after Bearer it
// is the space that URLSearchParams made of it (openai-node does so for the
// Realtime API in browsers).
func decodeValue(raw []byte) (value []byte, ok bool) {
	bearerPlus := len(raw) > 6 && raw[6] == '+' && equalFold(raw[:6], "bearer")
	if !bearerPlus && bytes.IndexByte(raw, '%') < 0 {
		return bytes.Trim(raw, " \t"), true
	}
	value = make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		if c == '%' {
			if c, ok = unescape(raw[i:]); !ok {
				return nil, false
			}
			i += 2
		}
		value = append(value, c)
	}
	if bearerPlus {
		value[6] = ' '
	}
	return bytes.Trim(value, " \t"), true
}

// unescape decodes the three bytes of a percent-escape at the front of b.
func unescape(b []byte) (c byte, ok bool) {
	if len(b) < 3 {
		return 0, false
	}
	high, low := unhex(b[1]), unhex(b[2])
	return high<<4 | low, high < 16 && low < 16
}

// unhex returns the value of a hexadecimal digit, or 16 and more.
func unhex(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case lowerByte(c) >= 'a' && lowerByte(c) <= 'f':
		return lowerByte(c) - 'a' + 10
	}
	return 0xff
}

func segmentEnd(query []byte, start int) int {
	if n := bytes.IndexByte(query[start:], '&'); n >= 0 {
		return start + n
	}
	return len(query)
}

func cutParameter(parameter []byte) (name, value []byte) {
	if n := bytes.IndexByte(parameter, '='); n >= 0 {
		return parameter[:n], parameter[n+1:]
	}
	return parameter, parameter[len(parameter):]
}

// param returns the index in params of a raw parameter name, or -1.
func (p *Policy) param(name []byte) int {
	if len(name) == 0 {
		return -1 // a query may consist of ampersands
	}
	var plain [maxNameLength]byte
	name = decodeName(&plain, name)
	if p.paramLengths&(1<<uint(len(name))) == 0 {
		return -1
	}
	return lookup(p.params, name)
}

// SoleParameter returns the raw value of a query parameter that stands there once, nil where
// it does not. lower is its name in lower case, of at most 63 characters; another spelling
// of it counts as one that stands there, because the upstream may read it.
func SoleParameter(query []byte, lower string) (value []byte) {
	var plain [maxNameLength]byte
	times := 0
	for start := 0; start <= len(query); {
		end := segmentEnd(query, start)
		name, found := cutParameter(query[start:end])
		if equalFold(decodeName(&plain, name), lower) {
			value = found
			times++
		}
		start = end + 1
	}
	if times != 1 {
		return nil
	}
	return value
}

// decodeName percent-decodes a name into plain; one that is longer than every
// name of interest, even without its escapes, comes back empty.
func decodeName(plain *[maxNameLength]byte, name []byte) []byte {
	if len(name) > maxRawName {
		return nil // before anything of it is looked at: AppendRedactedQuery asks at each =
	}
	if bytes.IndexByte(name, '%') < 0 {
		return name
	}
	n := 0
	for i := 0; i < len(name); i++ {
		if n == len(plain) {
			return nil
		}
		c := name[i]
		if decoded, ok := unescape(name[i:]); c == '%' && ok {
			c = decoded
			i += 2
		}
		plain[n] = c
		n++
	}
	return plain[:n]
}

// maxRawName is the longest that a name of interest can be with all of it escaped.
const maxRawName = len("%41") * maxNameLength

// AppendQuery appends query to dst without the parameters that the policy
// governs, byte for byte otherwise. changed is false where nothing was
// removed. Where nothing is left, the caller drops the question mark, too.
func (p *Policy) AppendQuery(dst, query []byte) (out []byte, changed bool) {
	kept := 0
	for start := 0; start <= len(query); {
		end := segmentEnd(query, start)
		name, _ := cutParameter(query[start:end])
		if p.param(name) >= 0 {
			changed = true
		} else {
			if kept > 0 {
				dst = append(dst, '&')
			}
			dst = append(dst, query[start:end]...)
			kept++
		}
		start = end + 1
	}
	return dst, changed
}
