// Package who names callers such that they can be told apart and nobody learns their
// credentials: by a keyed hash of a subscription key, by the id of the application that a
// token was given to, by the name of a client whose key the edge has issued.
//
//	hasher := who.NewHasher(key)
//	cache := who.NewCache(hasher) // one for each loop
//	fmt.Println(cache.Key([]byte("0123abcd"))) // key:5f0c...
//
// The limits: an application is what its token says. Nobody has verified that, unless
// the route asks for tokens.
package who

import (
	"encoding/hex"
	"strings"
)

// Kind is what a caller is known by.
type Kind uint8

// The kinds.
const (
	// Nobody: the request had no credential, or it was not looked at.
	Nobody Kind = iota
	// Key: by a hash of the subscription key.
	Key
	// Application: by the id of the application that has got the token.
	Application
	// Client: by the name of a client of the edge.
	Client
	// Token: by nothing, as its token names no application, or cannot be read.
	Token
)

// ID is one caller. Equal ones are the same caller, as far as hashes of one key go.
type ID struct {
	Kind Kind
	Hash [hashBytes]byte // of Key
	Name string          // of Application and Client
}

const hashBytes = 8

var prefixes = [...]string{Key: "key:", Application: "app:", Client: "client:", Token: "token"}

// String returns the text of the caller: empty for Nobody.
func (id ID) String() string {
	switch id.Kind {
	case Key:
		return prefixes[Key] + hex.EncodeToString(id.Hash[:])
	case Application, Client:
		return prefixes[id.Kind] + id.Name
	case Token:
		return prefixes[Token]
	}
	return ""
}

// KindOf returns what kind of caller a text of String is.
func KindOf(text string) Kind {
	for k := Key; k <= Token; k++ {
		if strings.HasPrefix(text, prefixes[k]) {
			return k
		}
	}
	return Nobody
}
