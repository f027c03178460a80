package rewrite

import "bytes"

// keySubprotocol begins the member of Sec-WebSocket-Protocol in which pages send
// their key, because a browser lets them set no other field of the handshake:
// new WebSocket(url, ["realtime", "openai-insecure-api-key." + key]).
const keySubprotocol = "openai-insecure-api-key."

// readSubprotocol reads the last place of the key slot. It counts on any request,
// also on one that is no handshake or is one to others only: a key in a list that
// proxies log is not sent on, and upstream's own answer to the request tells more
// than a 401. No page can set the field but with a WebSocket.
//
// The place loses to every other one, a key in Authorization included.
func (p *Policy) readSubprotocol(d *Decision, auth *credential, s *slot, fields []Field) {
	var value []byte
	for i := range fields {
		if p.find(fields[i].Name) != p.subprotocol {
			continue
		}
		for rest := fields[i].Value; len(rest) > 0; {
			var member []byte
			member, rest = cutMember(rest)
			if !keyMember(member) {
				continue
			}
			if scan(fields[i].Value)&foundForbidden != 0 {
				d.reject(Problem{fault: faultCharacters, place: p.names[p.subprotocol].text})
			}
			if d.Notes.Has(SubprotocolKey) {
				d.reject(Problem{fault: faultSeveralSubprotocols})
				return
			}
			d.Notes |= SubprotocolKey
			value = member[len(keySubprotocol):]
		}
	}
	if !d.Notes.Has(SubprotocolKey) {
		return
	}
	p.readSlot(d, s, value, inSubprotocol)
	if auth.kind == kindKey && s.key.present() && s.key.place == inSubprotocol {
		if !bytes.Equal(auth.value, s.key.value) {
			p.drop(d, faultTwoKeys, auth, &s.key)
		}
		s.key = credential{}
	}
}

// cutMember splits the first member off a list (RFC 9110 section 5.6.1).
func cutMember(list []byte) (member, rest []byte) {
	member, rest, _ = bytes.Cut(list, []byte{','})
	return bytes.Trim(member, " \t"), rest
}

// keyMember reports whether a member holds a key. It is compared without case, so
// that no upstream finds one that has slipped past.
func keyMember(member []byte) bool {
	return len(member) >= len(keySubprotocol) && equalFold(member[:len(keySubprotocol)], keySubprotocol)
}

func holdsKey(list []byte) bool {
	for len(list) > 0 {
		var member []byte
		if member, list = cutMember(list); keyMember(member) {
			return true
		}
	}
	return false
}

// appendSubprotocols appends the lines that hold a key without it, and no line
// where nothing is left.
func (p *Policy) appendSubprotocols(dst []byte, fields []Field) []byte {
	for i := range fields {
		if p.find(fields[i].Name) != p.subprotocol || !holdsKey(fields[i].Value) {
			continue
		}
		mark := len(dst)
		dst = append(dst, fields[i].Name...)
		before := ": "
		for rest := fields[i].Value; len(rest) > 0; {
			var member []byte
			if member, rest = cutMember(rest); len(member) == 0 || keyMember(member) {
				continue
			}
			dst = append(append(dst, before...), member...)
			before = ", "
		}
		if before == ": " {
			dst = dst[:mark]
			continue
		}
		dst = append(dst, '\r', '\n')
	}
	return dst
}
