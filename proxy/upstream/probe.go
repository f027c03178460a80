package upstream

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strconv"
	"time"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
)

// Probe is what is asked of an upstream in the background.
type Probe struct {
	Path  string // the whole of it; empty: nothing is asked
	Host  string
	Every time.Duration
}

// startProbe asks until the upstream is closed. Who serves nobody has no loops, and asks
// nothing.
func (u *Upstream) startProbe() {
	if u.Probe.Path == "" || len(u.loops) == 0 || u.probing.Swap(true) {
		return
	}
	go func() {
		every := time.NewTicker(u.Probe.Every)
		defer every.Stop()
		for {
			select {
			case <-u.life.Done():
				return
			case <-every.C:
				u.probe()
			}
		}
	}()
}

// probe asks once, and takes note.
func (u *Upstream) probe() {
	ctx, cancel := context.WithTimeout(u.life, max(u.Probe.Every, u.Connect+u.TLSHandshake))
	defer cancel()
	status, err := u.askProbe(ctx)
	switch {
	case u.closed.Load(), edgeerr.CodeOf(err) == edgeerr.EdgeOverloaded: // that says nothing of the upstream
	case err != nil, status >= 500:
		u.Health.Failed(CauseProbe, 0, u.Health.Answers())
	default:
		u.Health.Alive()
	}
}

var errNoStatus = errors.New("no status line")

// askProbe returns the status of the answer. The connection is one of its own, so that a
// probe takes nothing from a request.
func (u *Upstream) askProbe(ctx context.Context) (status int, err error) {
	tcp, err := u.openTCP(ctx)
	if err != nil {
		return 0, err
	}
	defer tcp.Close() //nolint:errcheck // nothing is to be sent any more
	defer context.AfterFunc(ctx, func() { _ = tcp.Close() })()
	var c net.Conn = tcp
	if u.TLS != nil {
		c = tls.Client(tcp, u.TLS)
	}
	if _, err := io.WriteString(c, "GET "+u.Probe.Path+" HTTP/1.1\r\nHost: "+u.Probe.Host+"\r\nUser-Agent: apim-edge-probe\r\nConnection: close\r\n\r\n"); err != nil {
		return 0, err
	}
	line := make([]byte, len("HTTP/1.1 200"))
	if _, err := io.ReadFull(c, line); err != nil {
		return 0, err
	}
	if string(line[:7]) != "HTTP/1." {
		return 0, errNoStatus
	}
	return strconv.Atoi(string(line[9:]))
}
