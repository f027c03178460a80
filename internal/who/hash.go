package who

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"hash"

	"github.com/apim-edge/apim-edge/internal/memo"
)

// Hasher makes hashes by a key. Whoever has neither the key nor the credential learns
// nothing from a hash; who has the key can try credentials that are easy to guess.
type Hasher struct{ key []byte }

// NewHasher returns the hasher of a key.
func NewHasher(key []byte) *Hasher { return &Hasher{append([]byte(nil), key...)} }

// Fingerprint tells hashers apart, and nothing of their keys.
func (h *Hasher) Fingerprint() string {
	mac := hmac.New(sha256.New, h.key)
	mac.Write([]byte("apim-edge census: which key"))
	return hex.EncodeToString(mac.Sum(nil)[:4])
}

// Key returns the caller with a subscription key.
func (h *Hasher) Key(key []byte) ID {
	mac := hmac.New(sha256.New, h.key)
	return ofKey(mac, key, nil)
}

func ofKey(mac hash.Hash, key, room []byte) ID {
	mac.Reset()
	mac.Write(key)
	id := ID{Kind: Key}
	copy(id.Hash[:], mac.Sum(room))
	return id
}

// Cache knows the callers that one loop has seen lately, so that only a new one costs a
// hash or a look into a token. It is not locked.
type Cache struct {
	mac   hash.Hash
	sum   [sha256.Size]byte
	known memo.Table[ID]
	room  []byte // of a token's second part
}

// NewCache returns an empty cache.
func NewCache(h *Hasher) *Cache {
	return &Cache{mac: hmac.New(sha256.New, h.key), known: memo.New[ID](1024)}
}

// Key returns the caller with a subscription key.
func (c *Cache) Key(key []byte) ID {
	id, known := c.known.At(key)
	if !known {
		*id = ofKey(c.mac, key, c.sum[:0])
	}
	return *id
}

// Token returns the caller with a token.
func (c *Cache) Token(token []byte) ID {
	id, known := c.known.At(token)
	if known {
		return *id
	}
	*id = ID{Kind: Token}
	var name string
	if name, c.room = application(token, c.room); name != "" {
		*id = ID{Kind: Application, Name: name}
	}
	return *id
}
