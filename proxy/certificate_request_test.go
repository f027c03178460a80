package proxy_test

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

// TestUpstreamAsksForACertificateBehindTheRequestUnderTLS13 holds that the operator is
// told what to change where it is (RFC 8446 section 4.6.2): Go's crypto/tls does not
// take part in that, and says in its ClientHello that it does not. An upstream that asks
// all the same breaks the connection.
func TestUpstreamAsksForACertificateBehindTheRequestUnderTLS13(t *testing.T) {
	for _, tc := range []struct{ name, context, said string }{
		{"without a context", "", "certificateRequestMsg"},
		{"with a context, as the standard has it", "*", "error decoding message"}, // Go's client wants none
	} {
		t.Run(tc.name, func(t *testing.T) {
			secure := proxytest.Authority().Server()
			secure.MinVersion, secure.SessionTicketsDisabled = tls.VersionTLS13, true
			secrets := &strings.Builder{}
			secure.KeyLogWriter = secrets
			url := proxytest.StartUpstreamWith(t, secure, func(up *proxytest.Peer) {
				up.Request()
				state := up.Conn.(*tls.Conn).ConnectionState()
				if _, err := up.TCP.Write(certificateRequest(up.T, secrets.String(), state.CipherSuite, tc.context)); err != nil {
					t.Error(err)
				}
				up.Gone()
			})
			e := proxytest.StartEdge(t, url, withCertificate)
			m := e.Ask(proxytest.Request)
			proxytest.WantError(t, m, 502, "upstream_closed_early", "false")
			if !strings.Contains(m.Body, "asks for a client certificate behind the request under TLS 1.3, have it ask in the handshake") {
				t.Errorf("the answer does not say what to do: %s", m.Body)
			}
			if l := e.WantExchange(502, "upstream_closed_early"); !strings.Contains(l["error"].(string), tc.said) {
				t.Errorf("the access line does not say what has come: %v", l["error"])
			}
		})
	}
}

// certificateRequest is the first record that a server sends behind its handshake, with
// the secrets that it has logged: what asks for a certificate.
func certificateRequest(t testing.TB, secrets string, suite uint16, context string) []byte {
	t.Helper()
	if suite != tls.TLS_AES_128_GCM_SHA256 {
		t.Fatalf("the connection has %s", tls.CipherSuiteName(suite))
	}
	_, secret, _ := strings.Cut(secrets, "SERVER_TRAFFIC_SECRET_0 ")
	secret, _, _ = strings.Cut(secret, "\n")
	_, secret, _ = strings.Cut(secret, " ") // behind the random of the client
	traffic, err := hex.DecodeString(secret)
	if err != nil || len(traffic) != sha256.Size {
		t.Fatalf("no secret (%v)", err)
	}
	expand := func(label string, length int) []byte { // section 7.1
		label = "tls13 " + label
		info := binary.BigEndian.AppendUint16(nil, uint16(length)) //nolint:gosec // 16 or 12
		info = append(append(append(info, byte(len(label))), label...), 0)
		key, err := hkdf.Expand(sha256.New, traffic, string(info), length)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	block, err := aes.NewCipher(expand("key", 16))
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	message := []byte{13, 0, 0, byte(13 + len(context)), byte(len(context))} // CertificateRequest (section 4.3.2)
	message = append(message, context...)
	message = append(message, 0, 10, 0, 13, 0, 6, 0, 4, 4, 3, 8, 4, // signature_algorithms: ECDSA and RSA-PSS
		22) // the type of the record, in front of no padding
	head := []byte{23, 3, 3, 0, byte(len(message) + aead.Overhead())}
	return aead.Seal(head, expand("iv", 12), message, head) // sequence number 0 leaves the nonce as it is
}

// TestOpensslDoesNotAskUnderTLS13 holds why that is a rare sight: who keeps to the
// standard does not ask a client that has not offered it, and says so in its own log. What
// it does then is its own affair; this one closes.
func TestOpensslDoesNotAskUnderTLS13(t *testing.T) {
	s := startOpenssl(t, "-tls1_3")
	e := proxytest.StartEdge(t, s.url, withCertificate)
	c := e.Dial()
	c.Send(proxytest.Request)
	s.awaits("api-key: 0123abcd")
	s.says("c\n")
	s.awaits("extension not received")
	s.says("Q\n")
	m := c.Answer("POST")
	proxytest.WantError(t, m, 502, "upstream_closed_early", "false")
	if !strings.Contains(m.Body, "look at the upstream") {
		t.Errorf("the answer does not say where to look: %s", m.Body)
	}
	e.WantExchange(502, "upstream_closed_early")
}
