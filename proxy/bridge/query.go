package bridge

import "bytes"

// A query is read as the WHATWG URL standard reads it: parameters are separated by &,
// a name ends at the first = and is percent-decoded. Azure takes names without case.

const versionParameter = "api-version"

// isVersionParameter reports whether a parameter is an api-version.
func isVersionParameter(parameter []byte) bool {
	name, _, _ := bytes.Cut(parameter, []byte{'='})
	const longest = len(versionParameter)
	if len(name) < longest || len(name) > 3*longest {
		return false
	}
	var room [longest]byte
	return equalFold(decodePercent(room[:], name), versionParameter)
}

func hasVersion(query []byte) bool {
	for parameter := range bytes.SplitSeq(query, []byte{'&'}) {
		if isVersionParameter(parameter) {
			return true
		}
	}
	return false
}

// appendQuery appends query without its api-version, and with the given one, if any.
// The rest stays byte for byte.
func appendQuery(dst, query []byte, version string) []byte {
	mark := len(dst)
	for parameter := range bytes.SplitSeq(query, []byte{'&'}) {
		if isVersionParameter(parameter) || len(query) == 0 {
			continue
		}
		if len(dst) > mark {
			dst = append(dst, '&')
		}
		dst = append(dst, parameter...)
	}
	if version == "" {
		return dst
	}
	if len(dst) > mark {
		dst = append(dst, '&')
	}
	return append(append(dst, versionParameter+"="...), version...)
}
