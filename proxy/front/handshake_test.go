package front_test

import (
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/testkit"
	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

// TestABlankTLSHandshakeIsBounded holds that a client cannot keep a connection by
// saying nothing where TLS is spoken.
func TestABlankTLSHandshakeIsBounded(t *testing.T) {
	e := proxytest.TLSClient.Start(t, func(c *config.Config) { c.Timeouts.TLSHandshake = config.Duration{Duration: 50 * time.Millisecond} }, proxytest.NoConnection)
	e.Secure = nil // it connects and says nothing
	c := e.Dial()
	c.Gone()
}

// TestHalfAHandshakeHoldsLittle holds that a ClientHello is not collected up to
// what crypto/tls would take.
func TestHalfAHandshakeHoldsLittle(t *testing.T) {
	e := proxytest.TLSClient.Start(t, func(c *config.Config) { c.Timeouts.TLSHandshake = config.Seconds(3600) }, proxytest.EchoKey)
	for _, tc := range []struct {
		name string
		size int
		ends bool
	}{
		{"larger than that of any client", 12 << 10, false},
		{"larger than may be", 60 << 10, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := testkit.Dial(t, e.Address)
			go func() { _, _ = c.Write(halfHello(tc.size)) }()
			if !tc.ends {
				e.WantMetric("apim_edge_client_connections", 1)
				return
			}
			_ = c.SetDeadline(time.Now().Add(proxytest.Patience))
			if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("the edge waits for the rest")
			}
			e.WantMetric("apim_edge_client_connections", 0)
		})
	}
}

// halfHello returns the beginning of a ClientHello, in records as large as they
// may be.
func halfHello(size int) []byte {
	message := append([]byte{1, 0, 0xff, 0}, make([]byte, size)...)
	var records []byte
	for len(message) > 0 {
		n := min(len(message), 16<<10)
		records = append(records, 22, 3, 1, byte(n>>8), byte(n))
		records = append(records, message[:n]...)
		message = message[n:]
	}
	return records
}

// TestADrainDoesNotWaitForAHandshake holds it for clients that connect and say
// nothing where TLS is spoken.
func TestADrainDoesNotWaitForAHandshake(t *testing.T) {
	e := proxytest.TLSClient.Start(t, func(c *config.Config) { c.Timeouts.TLSHandshake = config.Duration{Duration: time.Hour} }, proxytest.NoConnection)
	e.Secure = nil
	c := e.Dial()
	e.WantMetric("apim_edge_client_connections", 1)
	e.Front.Drain(proxytest.LastCall, time.Millisecond)
	c.Gone()
}
