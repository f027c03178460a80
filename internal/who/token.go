package who

import (
	"bytes"
	"encoding/base64"
	"slices"
)

// maxName bounds the id of an application; Entra's has 36 characters.
const maxName = 64

// claims name the application that has got a token: of Entra, version 1 and 2, and of
// other issuers (RFC 9068).
var claims = [...][]byte{[]byte(`"azp"`), []byte(`"appid"`), []byte(`"client_id"`)}

// application returns the application that a token names, or "": it has none, or cannot
// be read. It is looked for as text, for what is found is told and believed by nobody.
// room is used for what is decoded, and returned with what it has grown to.
func application(token, room []byte) (string, []byte) {
	parts := bytes.SplitN(token, []byte("."), 4)
	if len(parts) != 3 {
		return "", room // encrypted
	}
	payload := bytes.TrimRight(parts[1], "=")
	room = slices.Grow(room[:0], base64.RawURLEncoding.DecodedLen(len(payload)))
	n, err := base64.RawURLEncoding.Decode(room[:cap(room)], payload)
	if err != nil {
		return "", room
	}
	for _, claim := range claims {
		if name := textOf(room[:n], claim); name != nil {
			return string(name), room
		}
	}
	return "", room
}

// textOf returns the text that stands behind a name, if it can be the id of an
// application.
func textOf(object, name []byte) []byte {
	_, rest, found := bytes.Cut(object, name)
	rest = bytes.TrimLeft(rest, " \t\r\n")
	if !found || len(rest) == 0 || rest[0] != ':' {
		return nil
	}
	rest = bytes.TrimLeft(rest[1:], " \t\r\n")
	if len(rest) == 0 || rest[0] != '"' {
		return nil
	}
	text, _, closed := bytes.Cut(rest[1:], []byte(`"`))
	if !closed || len(text) == 0 || len(text) > maxName || bytes.ContainsFunc(text, unusual) {
		return nil
	}
	return text
}

// unusual reports whether the id of an application does not hold r: addresses of mail
// and texts of people are none.
func unusual(r rune) bool {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
		return false
	}
	return r != '-' && r != '_' && r != '.'
}
