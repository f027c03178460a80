package head

import (
	"bytes"

	"github.com/apim-edge/apim-edge/rewrite"
)

// Schemes whose credential belongs to the connection and not to the request: after a
// few messages, whatever comes on it counts as sent by whoever logged in (RFC 4559,
// [MS-NTHT], [MS-N2HT]), though HTTP has no such state (RFC 9110 section 16.4.2).
// "true" is what Persistent-Auth says of a connection that is logged in.
var connectionSchemes = [...]string{"ntlm", "negotiate", "nego2", "kerberos", "true"}

// BelongsToConnection reports whether a list of credentials or challenges has one
// with such a scheme. It takes a comma in a quoted string for the end of a member:
// to find one too many costs a client a connection, to miss one lends it to others.
func BelongsToConnection(list []byte) bool {
	for len(list) > 0 {
		var member []byte
		member, list = nextToken(list)
		scheme := member[:tokenLen(member)]
		for _, s := range connectionSchemes {
			if EqualFold(scheme, s) {
				return true
			}
		}
	}
	return false
}

// LogsIn reports whether what goes upstream of r by d carries such a credential: as
// Authorization, or as a key that is put there.
func LogsIn(d *rewrite.Decision, r *Request) bool {
	if key := d.Key; bytes.IndexByte(key, ' ') > 0 && BelongsToConnection(key) {
		return true
	}
	if !d.KeepAuthorization {
		return false
	}
	for _, field := range r.Fields {
		if EqualFold(field.Name, "authorization") && BelongsToConnection(field.Value) {
			return true
		}
	}
	return false
}
