package proxy

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"time"

	"github.com/apim-edge/apim-edge/internal/identity"
	"github.com/apim-edge/apim-edge/proxy/admit"
	"github.com/apim-edge/apim-edge/proxy/head"
)

// limit asks the limits of the route. They stand behind the credential rules and the gate
// of the route, so that what is refused there uses up nobody's share; and in front of the
// body, of which nothing is read for who is refused.
func (x *Exchange) limit() error {
	l := x.route.Limit
	if x.client.store.explains != nil {
		return x.heed(l.Explain()) // who asks what would be does not count
	}
	v, pass := l.Enter(x.countedAs(l), time.Now())
	x.pass, x.limited = pass, v.Limit
	return v.Err()
}

// countedAs returns whose request it is, to the limits of the route.
func (x *Exchange) countedAs(l *admit.Limit) admit.Key {
	c := &x.client.store.keys
	switch l.Per {
	case admit.PerRoute:
		return admit.Key{}
	case admit.PerAddress:
		from := identity.Sender(x.req.Sender(x.client.address, x.snap.Trusts)).As16()
		c.text = append(c.text[:0], from[:]...)
		return c.key(l.Secret, anAddress, c.text)
	}
	d, who := &x.req.decision, x.caller
	switch {
	case who != nil && who.passed != nil: // whatever the text of the token is now
		return c.key(l.Secret, aPerson, who.passed.Caller.Person[:])
	case who != nil && who.name != "": // whichever of his keys he has sent
		c.text = append(c.text[:0], who.name...)
		return c.key(l.Secret, aClient, c.text)
	case d.Key != nil:
		return c.key(l.Secret, aKey, d.Key)
	case d.BearerToken() != nil:
		return c.key(l.Secret, aToken, d.BearerToken())
	}
	if d.KeepAuthorization {
		return c.key(l.Secret, anotherScheme, x.authorization())
	}
	return c.key(l.Secret, nothing, nil) // they are counted together
}

// authorization returns the value of the field of that name, nil where there is none.
func (x *Exchange) authorization() []byte {
	for _, f := range x.req.Fields {
		if head.EqualFold(f.Name, "authorization") {
			return f.Value
		}
	}
	return nil
}

// limitKeys makes keys of callers, on one loop.
type limitKeys struct {
	secret *[32]byte // that mac has
	mac    hash.Hash
	sum    [sha256.Size]byte
	text   []byte
	what   [1]byte
}

// What a key is made of: the same text as a key and as a token is two callers.
const (
	anAddress byte = iota
	aPerson
	aClient
	aKey
	aToken
	anotherScheme
	nothing
)

func (c *limitKeys) key(secret *[32]byte, what byte, text []byte) (k admit.Key) {
	if c.secret != secret {
		c.secret, c.mac = secret, hmac.New(sha256.New, secret[:])
	}
	c.mac.Reset()
	c.what[0] = what
	c.mac.Write(c.what[:])
	c.mac.Write(text)
	copy(k[:], c.mac.Sum(c.sum[:0]))
	return k
}
