package token

import (
	"encoding/base64"
	"strings"
)

// MaxBytes is the longest text that is looked at (DESIGN 3): it bounds all that follows.
const MaxBytes = 16 << 10

// The number of dots in a JWS and in a JWE, in compact form.
const (
	dotsInJWS = 2
	dotsInJWE = 4
)

// form looks at the text alone. The dots are counted before it is split: who sends
// 16,000 of them gets no 16,000 parts (CVE-2025-27144, CVE-2025-30204).
func (x *examination) form() *Refusal {
	if len(x.text) > MaxBytes {
		return refuse(Form, "the token is longer than 16 KiB")
	}
	switch dots := strings.Count(x.text, "."); {
	case dots == dotsInJWE:
		x.encrypted = true
	case dots != dotsInJWS:
		return refuse(Form, "this is no token: one has three parts with dots in between, or five where it is encrypted")
	}
	return canonical(Form, x.text, x.encrypted)
}

// IsEncrypted reports whether a text has the form of a JWE.
func IsEncrypted(text string) bool { return strings.Count(text, ".") == dotsInJWE }

// canonical sees to it that each part is what its bytes are written as: no padding, no
// other alphabet, no line end, no bits that are left over. Else one token would have
// many texts, of which a cache would know one.
func canonical(c Check, text string, encrypted bool) *Refusal {
	for i := 0; ; i++ {
		part, rest, more := strings.Cut(text, ".")
		// Of an encrypted token the key is empty where it is agreed on, and the text
		// itself may be.
		mayBeEmpty := encrypted && (i == 1 || i == 3)
		if part == "" && !mayBeEmpty || !plainBase64(part) {
			return refuse(c, "the token is not written as base64url without padding (RFC 7515 section 2), or has been changed on the way")
		}
		if !more {
			return nil
		}
		text = rest
	}
}

// plainBase64 reports whether s is base64url of bytes, and their only spelling.
func plainBase64(s string) bool {
	for i := range len(s) {
		if index(s[i]) < 0 {
			return false
		}
	}
	if s == "" {
		return true
	}
	last := index(s[len(s)-1])
	switch len(s) % 4 {
	case 1:
		return false
	case 2:
		return last&0x0f == 0
	case 3:
		return last&0x03 == 0
	}
	return true
}

// index returns the value of a character of base64url, or -1.
func index(c byte) int {
	switch {
	case c >= 'A' && c <= 'Z':
		return int(c - 'A')
	case c >= 'a' && c <= 'z':
		return int(c-'a') + 26
	case c >= '0' && c <= '9':
		return int(c-'0') + 52
	case c == '-':
		return 62
	case c == '_':
		return 63
	}
	return -1
}

// decode returns the bytes of a part whose form is known to be right.
func decode(part string) []byte {
	raw, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		panic("BUG: a part that has been looked at is no base64url")
	}
	return raw
}
