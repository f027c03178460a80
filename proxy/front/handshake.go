package front

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/apim-edge/apim-edge/proxy"
)

// failure is why a TLS handshake with a client has failed.
type failure struct {
	reason string // of the metric
	what   string // happened; empty: nothing that anybody has to hear of
	advice string
}

// The reasons. Each is counted from the start.
var (
	plainHTTP = failure{"plain_http", "a client speaks plain HTTP to the TLS port", "use https:// in its base_url"}
	notTLS    = failure{"not_tls", "a client speaks something else than TLS to the TLS port", "look at what is sent to this port"}
	refusedUs = failure{
		"certificate_refused", "a client refuses the certificate of listen.tls",
		"have it trust the authority of the certificate, and check the chain, names and dates in listen.tls.cert_file",
	}
	oldVersion = failure{"version", "a client speaks TLS 1.1 or older only", "update the client: TLS 1.2 is the oldest that is spoken"}
	noCipher   = failure{
		"no_common_cipher", "a client offers no cipher suite that fits the certificate of listen.tls",
		"update the client, or check the kind of key in listen.tls.key_file",
	}
	tooSlow     = failure{"timeout", "a client has not finished its TLS handshake in time", "look at the network, or raise timeouts.tls_handshake"}
	tooLarge    = failure{"too_large", "a client's part of the TLS handshake is too large", "look at what is sent to this port"}
	otherAlert  = failure{"client_alert", "a client has ended the TLS handshake", "look at the client; the error is what it says"}
	otherReason = failure{"other", "a TLS handshake with a client has failed", "look at the client"}
	// Probes and browsers open connections that they do not use.
	gone = failure{reason: "client_left"}
)

// failureOf returns why a handshake has ended with err. crypto/tls has values for a
// few of its errors only; TestTLSTroubleIsTold holds the texts of the others.
func failureOf(err error) *failure {
	var record tls.RecordHeaderError
	var op *net.OpError
	text := err.Error()
	switch {
	case errors.As(err, &record) && record.Conn != nil:
		if looksLikeHTTP(record.RecordHeader) {
			return &plainHTTP
		}
		return &notTLS
	case errors.Is(err, context.DeadlineExceeded):
		return &tooSlow
	case errors.Is(err, errHandshakeTooLarge):
		return &tooLarge
	case errors.As(err, &op) && op.Op == "remote error":
		if strings.Contains(text, "certificate") {
			return &refusedUs
		}
		return &otherAlert
	case strings.Contains(text, "unsupported versions"):
		return &oldVersion
	case strings.Contains(text, "no cipher suite supported by both"):
		return &noCipher
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, net.ErrClosed):
		return &gone
	}
	return &otherReason
}

// looksLikeHTTP reports whether what stands in place of a record's header is the
// beginning of a request line.
func looksLikeHTTP(start [5]byte) bool {
	for i, c := range start {
		if (c < 'A' || c > 'Z') && (c != ' ' && c != '/' || i < 3) {
			return false
		}
	}
	return true
}

// notSecured tells of a handshake that has failed, and closes its connection.
func (s *Server) notSecured(tcp *net.TCPConn, err error) {
	defer tcp.Close() //nolint:errcheck // nobody is there to hear of it
	if s.handshakes.Err() != nil {
		return // it is we who have ended it
	}
	f := failureOf(err)
	s.edge.HandshakeFailed(f.reason)
	if f.what != "" {
		s.insecure.Warn().Str("reason", f.reason).Str("advice", f.advice).Str("error", err.Error()).Msg(f.what)
	}
	if f == &plainHTTP {
		tellPlain(tcp)
	}
}

// plainTime bounds how long a client that speaks plain HTTP may take to read that it
// should not.
const plainTime = 2 * time.Second

// tellPlain answers plain HTTP in its own words: a connection that only ends looks
// like a broken network. What the client goes on to send is thrown away, so that no
// reset takes the answer with it.
func tellPlain(tcp *net.TCPConn) {
	_ = tcp.SetDeadline(time.Now().Add(plainTime))
	if _, err := tcp.Write(proxy.PlainOnTLS()); err == nil && tcp.CloseWrite() == nil {
		_, _ = io.CopyN(io.Discard, tcp, mostPlain)
	}
}

// mostPlain is how much of it is thrown away.
const mostPlain = 1 << 20

// countFailures has every reason in the metrics from the start.
func (s *Server) countFailures() {
	for _, f := range []*failure{
		&plainHTTP, &notTLS, &refusedUs, &oldVersion, &noCipher, &tooSlow, &tooLarge, &otherAlert, &otherReason, &gone,
	} {
		s.edge.ExpectHandshakeFailures(f.reason)
	}
}
