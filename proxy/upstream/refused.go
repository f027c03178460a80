package upstream

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"reflect"
	"strings"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/proxy/wire"
)

// Alerts by which a server refuses who a client is (RFC 8446 section 6.2; 40 is what
// TLS 1.2 has for a certificate that is missing).
var refusals = map[tls.AlertError]bool{
	40: true, 42: true, 43: true, 44: true, 45: true, 46: true, 48: true, 49: true, 51: true, 116: true,
}

// Unanswered explains why a connection has ended where the head of an answer was due.
// Under TLS 1.3 a client has sent its request before a server has looked at its
// certificate, and what comes then in place of an answer says that nobody has read
// the request; so it is with a certificate that a server asks for behind the request,
// under TLS 1.2. Anything else may mean that the request runs.
func (c *Conn) Unanswered(err error) error {
	again := errors.Is(err, wire.ErrRenegotiation)
	alert, told := alertOf(err)
	text := ""
	switch {
	case told && refusals[alert] && (again || !c.Used):
		text = fmt.Sprintf("it has refused the request unread, by the TLS alert %q: it wants a client certificate, or another one; "+
			"check tls.cert_file and tls.key_file, and whom the upstream trusts; nothing ran there", nameOf(alert))
	case again && errors.Is(err, os.ErrDeadlineExceeded):
		text = "it has asked for another TLS handshake behind the request, which took longer than timeouts.tls_handshake; look at the upstream"
	case again:
		text = "it has asked for another TLS handshake behind the request, which failed (a connection makes one such handshake); " +
			"have it ask for the client certificate in the first one, and look at the log"
	case !told && !c.Plain() && brokenTLS(err):
		return &edgeerr.Error{Code: edgeerr.UpstreamClosedEarly, Err: err, Message: fmt.Sprintf("upstream %q: it has broken TLS off where an answer was due; "+
			"where it asks for a client certificate behind the request under TLS 1.3, have it ask in the handshake; it may have begun to work", c.up.Name)}
	default:
		return edgeerr.Wrap(edgeerr.UpstreamClosedEarly, err)
	}
	return &edgeerr.Error{Code: edgeerr.UpstreamTLSFailed, Err: err, Message: fmt.Sprintf("upstream %q: %s", c.up.Name, text)}
}

// alertOf returns the fatal alert that the peer has sent. Its type is crypto/tls's own.
func alertOf(err error) (alert tls.AlertError, told bool) {
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "remote error" || op.Err == nil {
		return 0, false
	}
	v := reflect.ValueOf(op.Err)
	if v.Kind() != reflect.Uint8 {
		return 0, false
	}
	return tls.AlertError(v.Uint()), true
}

func nameOf(alert tls.AlertError) string { return strings.TrimPrefix(alert.Error(), "tls: ") }

// brokenTLS reports whether the error is that of crypto/tls about what has come, and
// not that of a connection which has ended. Where it has told the peer by an alert, as it
// does of a request for a certificate that has a context, it is an *OpError as well.
func brokenTLS(err error) bool {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "local error" {
		return true
	}
	var network net.Error
	var system *os.SyscallError
	return !errors.As(err, &network) && !errors.As(err, &system) && !errors.Is(err, io.EOF) && !errors.Is(err, wire.ErrCut)
}
