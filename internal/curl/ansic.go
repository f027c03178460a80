package curl

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// ansiC carries out the escapes of $'...', in which browsers write what would
// otherwise need care.
func ansiC(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		if s[0] != '\\' || len(s) == 1 {
			b.WriteByte(s[0])
			s = s[1:]
			continue
		}
		var text string
		text, s = escaped(s[1:])
		b.WriteString(text)
	}
	return strings.ReplaceAll(b.String(), mark, "")
}

var ansiLetters = map[byte]string{
	'a': "\a", 'b': "\b", 'e': "\x1b", 'E': "\x1b", 'f': "\f", 'n': "\n", 'r': "\r", 't': "\t", 'v': "\v",
	'\\': "\\", '\'': "'", '"': `"`, '?': "?",
}

// escaped returns what the escape that s begins with stands for, and what follows.
func escaped(s string) (text, rest string) {
	if text, ok := ansiLetters[s[0]]; ok {
		return text, s[1:]
	}
	digits, base := map[byte]int{'x': 2, 'u': 4, 'U': 8}[s[0]], 16
	at := 1
	if s[0] >= '0' && s[0] <= '7' {
		digits, base, at = 3, 8, 0
	}
	n := 0
	for n < digits && at+n < len(s) && strings.IndexByte("0123456789abcdefABCDEF"[:map[int]int{8: 8, 16: 22}[base]], s[at+n]) >= 0 {
		n++
	}
	code, err := strconv.ParseUint(s[at:at+n], base, 32)
	switch {
	case err != nil: // no escape: both characters stand
		return `\` + s[:1], s[1:]
	case s[0] == 'u' || s[0] == 'U':
		return string(utf8.AppendRune(nil, rune(code))), s[at+n:]
	}
	return string([]byte{byte(code)}), s[at+n:]
}
