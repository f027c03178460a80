package config

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"github.com/apim-edge/apim-edge/internal/option"
	"github.com/apim-edge/apim-edge/internal/secret"
)

// A ticket holds the secrets of its session, so a key that can be guessed opens what was
// sent in it.
const leastTicketKey = 32

func (v *checker) ticketKeys(key string, t ListenTLS) {
	if len(t.TicketKeys) > 0 && t.CertFile == "" && t.KeyFile == "" {
		v.fault(key, "", "there is no TLS to clients without cert_file and key_file", "")
	}
	for i, ref := range t.TicketKeys {
		switch {
		case strings.HasPrefix(ref, "keyvault:"):
			v.fault(option.Element(key, i), "", "a vault is not asked for it; write env:NAME or file:/path", "")
		case slices.Contains(t.TicketKeys[:i], ref):
			v.fault(option.Element(key, i), "", "it stands there twice", "")
		default:
			v.fault(option.Element(key, i), "", referenceFault(ref), "")
		}
	}
}

// Tickets returns what the tickets of sessions are sealed with, the first, and opened
// with, all; nil: keys that nobody else has. An error shows nothing of a key.
func (t ListenTLS) Tickets() (keys [][32]byte, err error) {
	for i, ref := range t.TicketKeys {
		key, err := ticketKey(ref)
		if err != nil {
			return nil, fmt.Errorf("ticket_keys[%d]: %w", i, err)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// ticketKey makes a key of a text of any length.
func ticketKey(ref string) (key [32]byte, err error) {
	source, err := secret.Parse(ref)
	if err != nil {
		return key, err
	}
	value, err := source.Current()
	if err != nil {
		return key, err
	}
	text := value.Reveal()
	if len(text) < leastTicketKey {
		return key, fmt.Errorf("%v: it has less than %d characters; make one with openssl rand -base64 48", source, leastTicketKey)
	}
	return sha256.Sum256([]byte("apim-edge session tickets\x00" + text)), nil
}

func (v *checker) ticketFiles(key string, t ListenTLS) {
	for i, ref := range t.TicketKeys {
		if _, err := ticketKey(ref); err != nil {
			v.fault(option.Element(key, i), "", "the secret cannot be used: "+err.Error(), "")
		}
	}
}
