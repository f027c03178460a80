package record

import "bytes"

// VersionBytes is the longest version of a client that is told.
const VersionBytes = 16

// Version is that of a client, filled up with zeros: digits and dots such as 2.34.0.
// Zeros alone: it is not known.
type Version [VersionBytes]byte

// String returns the text of the version, empty where it is not known.
func (v Version) String() string { return string(bytes.TrimRight(v[:], "\x00")) }

// VersionOf returns the version that a User-Agent names behind the mark of its family.
// What else an agent says of itself is not told: it may be anything.
func VersionOf(agent []byte, f Family) (v Version) {
	for _, m := range marks {
		if m.family != f {
			continue
		}
		if at := bytes.Index(agent, []byte(m.mark)); at >= 0 {
			copy(v[:], firstVersion(agent[at+len(m.mark):]))
			return v
		}
	}
	return v
}

// firstVersion returns the first run of digits and dots that looks like a version.
func firstVersion(text []byte) []byte {
	for start := 0; start < len(text); start++ {
		if !isDigit(text[start]) {
			continue
		}
		end, dots, part := start, 0, 0
		for ; end < len(text) && (isDigit(text[end]) || text[end] == '.' && part > 0); end++ {
			part++
			if text[end] == '.' {
				dots, part = dots+1, 0
			}
			if part > 5 { // a number that long is something else
				return nil
			}
		}
		if text[end-1] == '.' {
			end--
		}
		if dots > 0 && end-start <= VersionBytes {
			return text[start:end]
		}
		return nil
	}
	return nil
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
