package identity

import "strings"

// fieldValue writes a claim as one field value: a list is joined by commas, and what
// could be read otherwise is percent-encoded, so that no claim can forge a second value,
// or a second field.
func fieldValue(values []string) string {
	var b strings.Builder
	for i, v := range values {
		if i > 0 {
			b.WriteByte(',')
		}
		for j := range len(v) {
			c := v[j]
			if c < ' ' || c > '~' || c == '%' || c == ',' || c == ' ' && (j == 0 || j == len(v)-1) {
				b.WriteString("%")
				b.WriteByte(hexDigits[c>>4])
				b.WriteByte(hexDigits[c&15])
				continue
			}
			b.WriteByte(c)
		}
		if b.Len() > maxField {
			return "" // a field that is cut would say something else
		}
	}
	return b.String()
}

const hexDigits = "0123456789ABCDEF"

// maxField bounds what a claim takes of a head: some upstreams read no longer one.
const maxField = 4 << 10

// Value returns a claim as it goes upstream, or "".
func (p *Passed) Value(claim string) string { return p.values[claim] }
