package proxy

import (
	"bytes"

	"github.com/apim-edge/apim-edge/rewrite"
)

// Schemes whose credential belongs to the connection and not to the request: after a
// few messages, whatever comes on it counts as sent by whoever logged in (RFC 4559,
// [MS-NTHT], [MS-N2HT]), though HTTP has no such state (RFC 9110 section 16.4.2).
// "true" is what Persistent-Auth says of a connection that is logged in.
var connectionSchemes = [...]string{"ntlm", "negotiate", "nego2", "kerberos", "true"}

// belongsToConnection reports whether a list of credentials or challenges has one
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

// logsIn reports whether what goes upstream carries such a credential: as
// Authorization, or as a key that is put there.
func (x *Exchange) logsIn() bool {
	if key := x.decision.Key; bytes.IndexByte(key, ' ') > 0 && BelongsToConnection(key) {
		return true
	}
	if x.reason != rewrite.ReasonOtherScheme {
		return false
	}
	for i := range x.req.Fields {
		if EqualFold(x.req.Fields[i].Name, "authorization") && BelongsToConnection(x.req.Fields[i].Value) {
			return true
		}
	}
	return false
}
